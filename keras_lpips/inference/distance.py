"""How far apart two images look, in one call."""

import os
import warnings

import numpy as np
from PIL import Image

from keras_lpips.images.reader import load_image
from keras_lpips.images.validation import ImageError, check_value_range
from keras_lpips.inference.scorer import scorer, to_signed_unit
from keras_lpips.inference.tiling import TiledScorer

# Rounding and resampling may leave a range by this share of its width.
RANGE_TOLERANCE = 1e-3


def distance(
    reference,
    distorted,
    net="alex",
    *,
    version="0.1",
    calibrated=True,
    value_range=None,
    resize=None,
    tile=None,
):
    """Returns the LPIPS distance between images.

    Runs through a function that is compiled once for each net and shape. The
    layer is kept for the next call.

    Args:
        reference: one image or a batch. One image: a path, a
            `PIL.Image.Image`, or an array `(height, width, 3)`,
            `(height, width)` or `(height, width, 1)`, uint8 or float. A
            batch: an array with one more dimension in front, or a list of
            images of one size.
        distorted: as many images, of the same size.
        net: "alex", "vgg" or "squeeze". Defaults to "alex".
        version: "0.1" or "0.0". Defaults to "0.1".
        calibrated: whether the heads that people's judgements taught are
            used. Defaults to `True`.
        value_range: `(lowest, highest)` value that float arrays can hold.
            Paths, PIL images and uint8 arrays have their own. Defaults to
            `(-1, 1)`, as everywhere in the paper's code; then a warning is
            given when no value is below 0, since that looks like `(0, 1)`.
        resize: `(height, width)` to which paths and PIL images are resized.
            Defaults to `None`: two sizes that differ are an error.
        tile: height and width, in pixels, of what goes through the net at a
            time, for images too large to do so whole. The distance is the
            same. Defaults to `None`, whole.

    Returns:
        A `float` for one image, or float32 `(batch,)`. 0 for identical images.

    Raises:
        ValueError: on a bad argument, values outside the range, or sizes that
            differ or are too small.
        ImageError: a `ValueError`, on a file that is no usable image.
    """
    reference, one = read_batch(reference, value_range, resize, "reference")
    distorted, one_too = read_batch(distorted, value_range, resize, "distorted")
    if reference.shape != distorted.shape or one != one_too:
        given = " and ".join(
            f"one image {images.shape[1:]}" if single else f"{images.shape}"
            for images, single in ((reference, one), (distorted, one_too))
        )
        raise ImageError(
            "`reference` and `distorted` must be as many images, of one size "
            f"(files can be resized with `resize`). Received: {given}"
        )
    if value_range is None:
        _warn_of_unit_range(reference, distorted)
    score = scorer(net, version, calibrated)
    if tile is None:
        scores = score.distance(reference, distorted)
    else:
        tiled = TiledScorer(score, tile)
        pairs = zip(reference, distorted, strict=True)
        found = [tiled.compare(*pair) for pair in pairs]
        scores = np.float32([pair.per_layer.sum() for pair in found])
    return float(scores[0]) if one else scores


def read_batch(images, value_range, resize, role):
    """Returns images as uint8, or as float32 in [-1, 1].

    Args:
        images: see `distance`.
        value_range: see `distance`.
        resize: see `distance`.
        role: what the images are called in a message.

    Returns:
        The batch, `(batch, height, width, 3)`, and whether a single image was
        given.
    """
    lowest, highest = check_value_range(
        (-1, 1) if value_range is None else value_range
    )
    if isinstance(images, (list, tuple)):
        return _read_list(images, (lowest, highest), resize, role), False
    if isinstance(images, (str, os.PathLike, Image.Image)):
        return load_image(images, resize)[None], True
    array = np.asarray(images)
    one = array.ndim in (2, 3)
    if array.ndim == 2:
        array = array[..., None]
    if one:
        array = array[None]
    if array.ndim != 4 or array.shape[-1] not in (1, 3):
        raise ImageError(
            f"`{role}` must be (height, width), (height, width, 1 or 3) or "
            "(batch, height, width, 1 or 3). Received: "
            f"shape={np.shape(images)}"
        )
    if not array.size:
        raise ImageError(
            f"`{role}` must hold at least one image. Received: "
            f"shape={np.shape(images)}"
        )
    if array.shape[-1] == 1:
        array = np.repeat(array, 3, axis=-1)
    if array.dtype == np.uint8:
        return array, one
    if not np.issubdtype(array.dtype, np.floating):
        raise ImageError(
            f"`{role}` must be uint8 or float. Received: dtype={array.dtype}"
        )
    # In float64, since float16 may not hold the bounds.
    slack = np.float64(RANGE_TOLERANCE * (highest - lowest))
    # Written so that NaN fails, too.
    inside = (array >= lowest - slack) & (array <= highest + slack)
    if not inside.all():
        raise ImageError(
            f"`{role}` must lie in [{lowest:g}, {highest:g}] (`value_range`). "
            f"Received: values from {array.min():g} to {array.max():g}"
        )
    return _rescale(array, lowest, highest), one


def _read_list(images, value_range, resize, role):
    loaded = [read_batch(x, value_range, resize, role)[0] for x in images]
    shapes = sorted({x.shape for x in loaded})
    if len(shapes) != 1:
        raise ImageError(
            f"`{role}` must be images of one size. Received: {shapes}"
        )
    if len({x.dtype for x in loaded}) > 1:
        loaded = [to_signed_unit(x) for x in loaded]
    return np.concatenate(loaded)


def _rescale(pixels, lowest, highest):
    pixels = pixels.astype(np.float32)
    if (lowest, highest) == (-1, 1):
        return pixels
    return (pixels - lowest) * np.float32(2 / (highest - lowest)) - 1


def _warn_of_unit_range(*batches):
    floats = [pixels for pixels in batches if pixels.dtype != np.uint8]
    if floats and min(pixels.min() for pixels in floats) >= 0:
        warnings.warn(
            "No value is below 0, and `value_range` was not given, so the "
            "images are taken to lie in [-1, 1]. If they lie in [0, 1], pass "
            "`value_range=(0, 1)`",
            stacklevel=3,
        )
