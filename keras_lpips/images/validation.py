"""Validates images by their shapes and dtypes alone."""

import contextlib
import math
import os
from collections.abc import Iterator

import numpy as np

MASK_RULE = (
    "`mask` must hold bools, or weights in [0, 1], with at least one pixel "
    "above 0 for each image"
)


class ImageError(ValueError):
    """Raised if images cannot be used; the message names them and says why."""


@contextlib.contextmanager
def prefix_errors(images) -> Iterator[None]:
    """Prefixes the message of an `ImageError` with the images' name."""
    try:
        yield
    except ImageError as error:
        raise ImageError(f"{images}: {error}") from None


def check_value_range(value_range) -> tuple[float, float]:
    """Returns `(lowest, highest)` as floats, or raises `ValueError`."""
    try:
        lowest, highest = (float(bound) for bound in value_range)
    except (TypeError, ValueError):
        lowest = highest = math.nan
    if not -math.inf < lowest < highest < math.inf:
        raise ValueError(
            "`value_range` must be two finite numbers, the lowest and the "
            f"highest that a pixel can be. Received: value_range={value_range}"
        )
    return lowest, highest


def check_not_files(images) -> None:
    """Raises `ImageError` if file names are passed instead of images."""
    if isinstance(images, (list, tuple)) and images:
        images = images[0]
    if isinstance(images, (str, bytes, os.PathLike)):
        raise ImageError(
            "The layer takes batches of images, not files: "
            "`keras_lpips.distance` and the command `keras-lpips pair` read "
            f"files. Received: {images!r}"
        )


def check_images(shape, dtype: str, value_range, smallest_size: int) -> None:
    """Raises `ImageError` unless a backbone accepts such images.

    Args:
        shape: shape of the batch, with `None` where it is not known yet.
        dtype: name of its dtype.
        value_range: `(lowest, highest)` value.
        smallest_size: smallest height and width, in pixels.
    """
    shape = tuple(shape)
    if len(shape) != 4 or shape[-1] not in (3, None):
        raise ImageError(
            "Images must be RGB of shape (batch, height, width, 3). "
            f"Received: shape={shape}"
        )
    if any(side is not None and side < smallest_size for side in shape[1:3]):
        raise ImageError(
            f"Images must be at least {smallest_size} pixels high and wide "
            f"for this net. Received: shape={shape}"
        )
    if dtype in ("bool", "string") or "complex" in dtype:
        raise ImageError(
            f"Images must be float or integer. Received: dtype={dtype}"
        )
    if "int" in dtype and tuple(value_range) != (0.0, 255.0):
        raise ImageError(
            "Images of integer dtype need `value_range=(0, 255)`. Received: "
            f"dtype={dtype}, value_range={tuple(value_range)}"
        )


def check_same_shape(reference, distorted) -> None:
    """Raises `ImageError` if two shapes are known to differ."""
    sizes = zip(reference, distorted, strict=True)
    if any(a != b for a, b in sizes if a is not None and b is not None):
        raise ImageError(
            "`reference` and `distorted` must have one shape. Received: "
            f"{tuple(reference)} and {tuple(distorted)}"
        )


def check_mask(mask, images, dtype: str) -> None:
    """Raises `ImageError` unless a mask fits to images.

    Args:
        mask: its shape, with `None` where it is not known yet.
        images: shape of the images, likewise.
        dtype: name of the mask's dtype.
    """
    mask, images = tuple(mask), tuple(images)
    if len(mask) != 3 or any(
        a != b
        for a, b in zip(mask, images[:3], strict=True)
        if a is not None and b is not None
    ):
        raise ImageError(
            "`mask` must be (batch, height, width), the size of the images. "
            f"Received: mask.shape={mask} for images of shape {images}"
        )
    if dtype == "string" or "complex" in dtype:
        raise ImageError(f"{MASK_RULE}. Received: dtype={dtype}")


def check_mask_array(mask: np.ndarray) -> None:
    """Raises `ImageError` unless a mask's values can be used.

    Args:
        mask: `(batch, height, width)`.
    """
    lowest, highest = mask.min(axis=(1, 2)), mask.max(axis=(1, 2))
    # Written so that NaN fails, too.
    if not ((lowest >= 0) & (highest <= 1) & (highest > 0)).all():
        raise ImageError(
            f"{MASK_RULE}. Received: values from {lowest.min():g} to "
            f"{highest.max():g}, a largest one of {highest.min():g} in one mask"
        )


def split_sample_weight(sample_weight, mask=None):
    """Returns the weights of the images, and their mask.

    Args:
        sample_weight: array, tensor or number; `None` if all weigh the same.
            If it is `(batch, height, width)`, it is the mask.
        mask: the mask; `None` if there is none.

    Raises:
        ImageError: if the weights are of another shape, or there are two masks.
    """
    shape = tuple(getattr(sample_weight, "shape", ()))
    if len(shape) == 3 and mask is None:
        return None, sample_weight
    if len(shape) > 2 or (len(shape) == 2 and shape[1] not in (1, None)):
        raise ImageError(
            "`sample_weight` must hold one weight per image, (batch,) or "
            "(batch, 1), or be a mask, (batch, height, width), if no other is "
            f"given. Received: sample_weight.shape={shape}"
        )
    return sample_weight, mask
