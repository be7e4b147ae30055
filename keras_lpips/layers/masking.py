"""The distance inside a mask: what is compared, and how it is averaged."""

import keras
from keras import ops


def blend(reference, distorted, mask):
    """Returns the distorted images inside the mask, the reference outside.

    Formula: `m x1 + (1 - m) x0`. Where the mask is 0, no value of the distorted
    image has any effect, not even NaN, and its gradient is 0.

    Args:
        reference: float, `(batch, height, width, channels)`.
        distorted: float of the same shape.
        mask: float, `(batch, height, width)`, [0, 1].

    Returns:
        Images of the same dtype and shape.
    """
    mask = mask[..., None]
    distorted = ops.where(mask > 0, distorted, reference)
    return mask * distorted + (1 - mask) * reference


def masked_mean(differences, mask, grids):
    """Returns the mean of a tap's differences, weighted by the coverage.

    Args:
        differences: float, `(batch, h, w)`, of a tap.
        mask: float, `(batch, height, width)`, [0, 1].
        grids: the tap's `Grid`s along the height and along the width.

    Returns:
        float, `(batch,)`. NaN for a mask that is 0 everywhere.
    """
    # Only ratios matter here. The largest weight becomes 1, so that the
    # smallest ones do not underflow.
    mask = mask / ops.max(mask, axis=(1, 2), keepdims=True)
    covered = coverage(mask, grids, ops.shape(differences)[1:])
    total = ops.sum(covered, axis=(1, 2), keepdims=True)
    positions = ops.sum(ops.ones_like(covered), axis=(1, 2), keepdims=True)
    # Exactly 1 everywhere for a mask of ones. XLA divides by a constant, such
    # as that of a mean, by multiplying with its rounded reciprocal.
    weights = covered * (positions / total)
    return ops.mean(differences * weights, axis=(1, 2))


def coverage(mask, grids, size):
    """Returns the mask's mean over the cell of each of a tap's positions.

    The cell of a position is the square of `stride` x `stride` pixels around
    the center of its receptive field, cut off at the image's borders. The
    outermost cells extend to the borders. Every pixel is in a cell, and
    every cell holds a pixel.

    Args:
        mask: float, `(batch, height, width)`.
        grids: the tap's `Grid`s along the height and along the width.
        size: height and width of the tap, ints or integer scalar tensors.

    Returns:
        float, `(batch, h, w)`.
    """
    rows, columns = (
        _cells(*axis)
        for axis in zip(grids, ops.shape(mask)[1:], size, strict=True)
    )
    dtype = keras.backend.standardize_dtype(mask.dtype)
    rows, columns = ops.cast(rows, dtype), ops.cast(columns, dtype)
    # Sums of halves: exact, and so equal for a mask of ones.
    total = ops.matmul(ops.matmul(rows, mask), ops.transpose(columns))
    area = ops.sum(rows, axis=1)[:, None] * ops.sum(columns, axis=1)
    return total / area


def _cells(grid, size, count):
    """Returns the length of each pixel that is in each cell.

    A pixel is 1 long. Pixel 0 is centered on 0.

    Args:
        grid: a `Grid`.
        size: number of pixels.
        count: number of cells.

    Returns:
        float32, `(count, size)`.
    """
    cells = ops.cast(ops.arange(count), "float32")
    pixels = ops.cast(ops.arange(size), "float32")
    last, end = cells[-1], pixels[-1]
    centers = cells * grid.stride + (grid.first + grid.last) / 2
    # With reflection, the outermost centers may be outside of the image.
    lower = ops.minimum(centers - grid.stride / 2, end - 0.5)
    upper = ops.maximum(centers + grid.stride / 2, 0.5)
    lower = ops.where(cells == 0, -0.5, lower)[:, None]
    upper = ops.where(cells == last, end + 0.5, upper)[:, None]
    return ops.relu(
        ops.minimum(upper, pixels + 0.5) - ops.maximum(lower, pixels - 0.5)
    )
