"""The LPIPS distance between images, in one call."""

import os
import warnings

import numpy as np
from PIL import Image

from keras_lpips.images.masks import load_mask
from keras_lpips.images.reader import load_image
from keras_lpips.images.validation import (
    MASK_RULE,
    ImageError,
    check_mask,
    check_mask_array,
    check_value_range,
)
from keras_lpips.inference.scorer import (
    BATCH_PIXELS,
    as_signed_unit,
    get_scorer,
)
from keras_lpips.inference.tiling import TiledScorer
from keras_lpips.layers.dists import DISTS
from keras_lpips.layers.image_distance import one_of

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
    mask=None,
    metric="lpips",
):
    """Returns the LPIPS or DISTS distance between images.

    The layer and its compiled function are kept for the next call. Long lists
    run in batches of bounded size.

    Args:
        reference: one image or a batch. One image: a path, a
            `PIL.Image.Image`, or a uint8 or float array `(height, width)` or
            `(height, width, channels)` of 1 (gray), 2 (gray, alpha), 3 (RGB)
            or 4 (RGB, alpha) channels; alpha is dropped. A batch: an array
            `(batch, height, width, channels)`, or a list of images of one
            size.
        distorted: the same number of images, of the same size.
        net: "alex", "vgg" or "squeeze". Defaults to "alex".
        version: "0.1", "0.0" or "st"; see `LPIPS`. Defaults to "0.1".
        calibrated: whether the linear heads fitted to human judgements are
            used. Defaults to `True`.
        value_range: `(lowest, highest)` value that float arrays can hold.
            Ignored for paths, PIL images and uint8 arrays. Defaults to
            `(-1, 1)`, as everywhere in the paper's code. A warning is given
            if the values look like those of another range.
        resize: `(height, width)` to which paths and PIL images are resized.
            Defaults to `None`: sizes that differ are an error.
        tile: height and width, in pixels, of the tiles that go through the
            net one at a time, for images too large to be processed whole. The
            distance is the same. Defaults to `None`, no tiles.
        mask: the pixels to compare; see `LPIPS`. For one image a bool or float
            array `(height, width)`, [0, 1], or a gray path or
            `PIL.Image.Image`, white inside. For a batch an array `(batch,
            height, width)`, or a list. Defaults to `None`, all pixels.
        metric: "lpips"; or "dists" for `DISTS`, whose net is VGG16 and which
            has no versions, heads or tiles. Defaults to "lpips".

    Returns:
        A `float` for one image, or float32 `(batch,)`. 0 for identical images.

    Raises:
        ValueError: on a bad argument, values outside the range, or sizes that
            differ or are too small.
        ImageError: a `ValueError`, on a file that is not a readable image.
        RuntimeError: in a process that was forked after the first call.
    """
    net, version = _find_metric(metric, net, version, calibrated)
    reference, one = read_batch(reference, value_range, resize, "reference")
    distorted, one_too = read_batch(distorted, value_range, resize, "distorted")
    if reference.shape != distorted.shape or one != one_too:
        given = " and ".join(
            f"one image {images.shape[1:]}" if single else f"{images.shape}"
            for images, single in ((reference, one), (distorted, one_too))
        )
        raise ImageError(
            "`reference` and `distorted` must be the same number of images, of "
            "one size (files can be resized with `resize`). "
            f"Received: {given}"
        )
    _check_likely_range(value_range, reference, distorted)
    if mask is not None:
        mask = _read_masks(mask, one, resize)
        check_mask(mask.shape, reference.shape, str(mask.dtype))
        check_mask_array(mask)
    scorer = get_scorer(net, version, calibrated)
    if tile is None:
        height, width = reference.shape[1:3]
        count = max(1, BATCH_PIXELS // (height * width))
        parts = [slice(i, i + count) for i in range(0, len(reference), count)]
        batches = [reference, distorted] + ([] if mask is None else [mask])
        scores = np.concatenate(
            [scorer.distance(*(batch[x] for batch in batches)) for x in parts]
        )
    else:
        tiled = TiledScorer(scorer, tile)
        masks = [None] * len(reference) if mask is None else mask
        pairs = zip(reference, distorted, masks, strict=True)
        found = [tiled.compare(*pair) for pair in pairs]
        scores = np.float32([pair.per_layer.sum() for pair in found])
    return float(scores[0]) if one else scores


def _read_masks(mask, one, resize):
    """Returns float32 masks, `(batch, height, width)`."""
    if one:
        mask = [mask]
    masks = [
        load_mask(x, resize)
        if isinstance(x, (str, os.PathLike, Image.Image))
        else np.asarray(x)
        for x in mask
    ]
    shapes = sorted({x.shape for x in masks})
    if len(shapes) != 1:
        raise ImageError(
            f"`mask` must be masks of one size. Received: {shapes}"
        )
    stacked = np.stack(masks)
    if stacked.dtype.kind not in "biuf":
        raise ImageError(f"{MASK_RULE}. Received: dtype={stacked.dtype}")
    return stacked.astype(np.float32, copy=False)


def _find_metric(metric, net, version, calibrated):
    """Returns net and version as `Scorer` takes them."""
    if one_of("metric", metric, ("lpips", "dists")) == "lpips":
        return net, version
    if net not in ("alex", "vgg") or version != "0.1" or not calibrated:
        raise ValueError(
            "DISTS has one net and no versions: leave out `net`, `version` and "
            f"`calibrated`. Received: net={net!r}, version={version!r}, "
            f"calibrated={calibrated}"
        )
    return DISTS.net, DISTS.version


def read_batch(
    images, value_range, resize, role: str
) -> tuple[np.ndarray, bool]:
    """Returns images as uint8, or as float32 in [-1, 1].

    Args:
        images: see `distance`.
        value_range: see `distance`.
        resize: see `distance`.
        role: name of the images in error messages.

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
    if array.ndim != 4 or array.shape[-1] not in (1, 2, 3, 4):
        raise ImageError(
            f"`{role}` must be (height, width), (height, width, 1 to 4) or "
            "(batch, height, width, 1 to 4). Received: "
            f"shape={np.shape(images)}"
        )
    if not array.size:
        raise ImageError(
            f"`{role}` must hold at least one image. Received: "
            f"shape={np.shape(images)}"
        )
    if array.shape[-1] in (2, 4):
        # Alpha, which is dropped as in files.
        array = array[..., :-1]
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
            f"`{role}` must be in [{lowest:g}, {highest:g}] (`value_range`). "
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
        loaded = [as_signed_unit(x) for x in loaded]
    return np.concatenate(loaded)


def _rescale(pixels, lowest, highest):
    pixels = pixels.astype(np.float32)
    if (lowest, highest) == (-1, 1):
        return pixels
    return (pixels - lowest) * np.float32(2 / (highest - lowest)) - 1


def _check_likely_range(value_range, *batches):
    """Warns if the values of floats look like those of another range.

    Args:
        value_range: see `distance`.
        *batches: results of `read_batch`.
    """
    floats = [pixels for pixels in batches if pixels.dtype != np.uint8]
    if not floats:
        return
    if value_range is None:
        if min(pixels.min() for pixels in floats) >= 0:
            warnings.warn(
                "No value is below 0, and `value_range` was not given, so the "
                "images are taken to be in [-1, 1]. If they are in [0, 1], "
                "pass `value_range=(0, 1)`",
                stacklevel=3,
            )
        return
    lowest, highest = check_value_range(value_range)
    if lowest != 0 or highest <= 2:
        return
    unit = -1 + 2 / highest
    if max(pixels.max() for pixels in floats) > unit + RANGE_TOLERANCE * 1e-2:
        return
    values = [(pixels + 1) * (highest / 2) for pixels in floats]
    # Whole numbers of 0 and 1 may be a dark image.
    if any(np.abs(x - np.round(x)).max() > 0.01 for x in values):
        warnings.warn(
            f"No value is above 1, and `value_range` is (0, {highest:g}). If "
            "the images are in [0, 1], pass `value_range=(0, 1)`",
            stacklevel=3,
        )
