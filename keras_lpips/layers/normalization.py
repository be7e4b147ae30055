"""Input scaling and feature normalization."""

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


def to_signed_unit(images):
    """Scales images from [0, 255] to [-1, 1]: `x / 127.5 - 1`.

    Args:
        images: array or tensor of any shape, uint8 or float, [0, 255].

    Returns:
        float32, of the same shape: a NumPy array for a NumPy array, otherwise
        a tensor.
    """
    if isinstance(images, np.ndarray):
        return images.astype(np.float32) / np.float32(127.5) - 1
    return ops.cast(images, "float32") / 127.5 - 1


def scale_images(images, value_range, version):
    """Shifts and scales images to what the backbone was trained on.

    Args:
        images: float or integer RGB, `(batch, height, width, 3)`.
        value_range: `(lowest, highest)` value that they can hold.
        version: "0.1", or "0.0", which leaves them in [-1, 1].

    Returns:
        float32, of the same shape.
    """
    lowest, highest = value_range
    if (lowest, highest) == (0.0, 255.0):
        images = to_signed_unit(ops.convert_to_tensor(images))
    else:
        images = ops.cast(images, "float32")
    if (lowest, highest) not in ((-1.0, 1.0), (0.0, 255.0)):
        images = (images - lowest) * (2 / (highest - lowest)) - 1
    if version == "0.1":
        # On flat rows: an innermost axis of three channels is what TensorFlow
        # broadcasts along slowest, five times as long as this.
        shape = ops.shape(images)
        width = shape[2]
        rows = ops.reshape(images, (-1, width * len(SHIFT)))
        shift = ops.tile(ops.convert_to_tensor(SHIFT, "float32"), [width])
        scale = ops.tile(ops.convert_to_tensor(SCALE, "float32"), [width])
        images = ops.reshape((rows - shift) / scale, shape)
    return images


def unit_normalize(features):
    """Divides each pixel's feature vector by its length, in float32.

    Args:
        features: float of any width, `(batch, h, w, channels)`.

    Returns:
        float32, of the same shape; 0 where all channels are.
    """
    features = ops.cast(features, "float32")
    squared_norm = ops.sum(ops.square(features), axis=-1, keepdims=True)
    norm = ops.sqrt(ops.maximum(squared_norm, SMALLEST_SQUARED_NORM))
    return features / (norm + NORM_EPSILON)
