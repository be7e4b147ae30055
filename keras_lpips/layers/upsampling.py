"""Bilinear upsampling of maps to a static or dynamic size."""

import keras
from keras import ops


def upsample(maps, height, width):
    """Resizes maps bilinearly: half-pixel centers, no antialiasing.

    This is torch's `Upsample(mode="bilinear", align_corners=False)`.
    `keras.ops.image.resize` does not accept a dynamic size.

    Args:
        maps: float, `(batch, h, w)`.
        height: number of rows of the result, an int or an integer scalar
            tensor.
        width: number of columns of the result, likewise.

    Returns:
        float, `(batch, height, width)`.
    """
    shape = ops.shape(maps)
    dtype = keras.backend.standardize_dtype(maps.dtype)
    rows = _interpolation(shape[1], height, dtype)
    columns = _interpolation(shape[2], width, dtype)
    tall = ops.matmul(rows, maps)
    return ops.matmul(tall, ops.transpose(columns))


def _interpolation(size, new_size, dtype):
    """Returns the weights, `(new_size, size)`, of old pixels in new ones.

    The weight of a pixel falls linearly from 1 at its center to 0 at the next
    center. Beyond the outermost centers, the outermost pixel has weight 1.
    """
    scale = ops.cast(size, dtype) / ops.cast(new_size, dtype)
    centers = (ops.cast(ops.arange(new_size), dtype) + 0.5) * scale - 0.5
    centers = ops.clip(centers, 0.0, ops.cast(size - 1, dtype))
    pixels = ops.cast(ops.arange(size), dtype)
    return ops.relu(1 - ops.abs(centers[:, None] - pixels[None, :]))
