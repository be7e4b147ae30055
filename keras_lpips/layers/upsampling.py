"""Bilinear upsampling of maps to a size that need not be known in advance."""

from keras import ops


def upsample(maps, height, width):
    """Resizes maps bilinearly: half-pixel centres, no antialiasing.

    This is torch's `Upsample(mode="bilinear", align_corners=False)`. Keras's
    own resize takes no size that is only known when a graph runs.

    Args:
        maps: float32, `(batch, h, w)`.
        height: rows of the result, an int or an integer scalar tensor.
        width: columns of the result, likewise.

    Returns:
        float32, `(batch, height, width)`.
    """
    rows = _interpolation(ops.shape(maps)[1], height)
    columns = _interpolation(ops.shape(maps)[2], width)
    tall = ops.matmul(rows, maps)
    return ops.matmul(tall, ops.transpose(columns))


def _interpolation(size, new_size):
    """Returns the weights, `(new_size, size)`, of old pixels in new ones.

    A pixel weighs 1 at its centre, 0 from the next centre on, and linearly
    between; beyond the outermost centres the outermost pixel weighs 1.
    """
    scale = ops.cast(size, "float32") / ops.cast(new_size, "float32")
    centres = (ops.cast(ops.arange(new_size), "float32") + 0.5) * scale - 0.5
    centres = ops.clip(centres, 0.0, ops.cast(size - 1, "float32"))
    pixels = ops.cast(ops.arange(size), "float32")
    return ops.relu(1 - ops.abs(centres[:, None] - pixels[None, :]))
