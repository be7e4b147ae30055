"""Input scaling and feature normalization."""

import math

import numpy as np
from keras import ops

# Per RGB channel, for images in [-1, 1]: twice ImageNet's mean minus one and
# twice its standard deviation (reference, `ScalingLayer`).
SHIFT = (-0.030, -0.088, -0.188)
SCALE = (0.458, 0.448, 0.450)

# Added to each feature vector's norm (reference, `normalize_tensor`).
NORM_EPSILON = 1e-10
# The reference's gradient is NaN where a feature vector is all zero. Norms
# below 1e-6 are raised to it; all others, and so the values, stay as they are.
SMALLEST_SQUARED_NORM = 1e-12


def to_signed_unit(images, dtype="float32"):
    """Scales images from [0, 255] to [-1, 1]: `x / 127.5 - 1`.

    Args:
        images: array or tensor of any shape, uint8 or float, [0, 255].
        dtype: dtype of the result. Defaults to "float32".

    Returns:
        Images of that dtype and of the same shape: a NumPy array for a NumPy
        array, otherwise a tensor.

    Example:

    >>> to_signed_unit(np.array([0, 255], np.uint8))
    array([-1.,  1.], dtype=float32)
    """
    if isinstance(images, np.ndarray):
        return images.astype(dtype) / np.dtype(dtype).type(127.5) - 1
    return ops.cast(images, dtype) / 127.5 - 1


def to_unit(images, value_range, dtype="float32"):
    """Scales images from `value_range` to [0, 1].

    Args:
        images: float or integer tensor of any shape.
        value_range: `(lowest, highest)` value that they can hold.
        dtype: dtype of the result. Defaults to "float32".

    Returns:
        Images of that dtype and of the same shape.
    """
    lowest, highest = value_range
    return (ops.cast(images, dtype) - lowest) / (highest - lowest)


def scale_images(images, value_range, version, dtype="float32"):
    """Shifts and scales images to the values that the backbone expects.

    Args:
        images: float or integer RGB tensor, `(batch, height, width, 3)`.
        value_range: `(lowest, highest)` value that they can hold.
        version: version of LPIPS; "0.0" leaves them in [-1, 1].
        dtype: dtype of the result. Defaults to "float32".

    Returns:
        Images of that dtype and of the same shape.
    """
    lowest, highest = value_range
    if (lowest, highest) == (0.0, 255.0):
        images = to_signed_unit(ops.convert_to_tensor(images), dtype)
    else:
        images = ops.cast(images, dtype)
        if (lowest, highest) != (-1.0, 1.0):
            images = (images - lowest) * (2 / (highest - lowest)) - 1
    if version != "0.0":
        # On flattened rows: TensorFlow broadcasts along an innermost axis of
        # three channels five times slower.
        shape = ops.shape(images)
        width = shape[2]
        rows = ops.reshape(images, (-1, width * len(SHIFT)))
        shift = ops.tile(ops.convert_to_tensor(SHIFT, dtype), [width])
        scale = ops.tile(ops.convert_to_tensor(SCALE, dtype), [width])
        images = ops.reshape((rows - shift) / scale, shape)
    return images


def norm_epsilon(images, valid=None):
    """Returns the epsilon of feature norms, NaN for unusable images.

    In compiled code, a fused ReLU returns 0 for NaN, so that a backbone may
    return finite features for images that hold NaN. A NaN epsilon makes all
    features of such an image NaN and changes no other value.

    Args:
        images: float, `(batch, height, width, channels)`.
        valid: bool scalar, whether any image can be used, or one for each,
            `(batch, 1, 1, 1)`. Defaults to `None`, they can.

    Returns:
        `NORM_EPSILON`, or NaN where an image holds NaN or infinity; of the
        same dtype, `(batch, 1, 1, 1)`.
    """
    total = ops.sum(images, axis=(1, 2, 3), keepdims=True)
    usable = ops.abs(total) < math.inf
    if valid is not None:
        usable = ops.logical_and(usable, valid)
    # Two scalars: of two arrays, tf2onnx makes products with the condition,
    # and 0 * NaN is NaN.
    return ops.where(
        usable,
        ops.convert_to_tensor(NORM_EPSILON, images.dtype),
        ops.convert_to_tensor(math.nan, images.dtype),
    )


def unit_normalize(features, dtype="float32", epsilon=NORM_EPSILON):
    """Divides each pixel's feature vector by its length.

    Args:
        features: float of any precision, `(batch, h, w, channels)`.
        dtype: dtype of the result. Defaults to "float32".
        epsilon: value added to each norm, see `norm_epsilon`. Defaults to
            `NORM_EPSILON`.

    Returns:
        Features of that dtype and of the same shape; 0 where all channels
        are.
    """
    features = ops.cast(features, dtype)
    squared_norm = ops.sum(ops.square(features), axis=-1, keepdims=True)
    norm = ops.sqrt(ops.maximum(squared_norm, SMALLEST_SQUARED_NORM))
    return features / (norm + epsilon)
