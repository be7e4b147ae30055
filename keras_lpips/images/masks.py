"""Reads masks from image files."""

import numpy as np

from keras_lpips.images.reader import check_pair, load_image, load_pair
from keras_lpips.images.validation import ImageError

# A file without such a pixel holds numbers of classes, or bits, not a mask.
BRIGHT = 128


def load_mask(source, resize=None, max_pixels=None) -> np.ndarray:
    """Reads a mask: white is inside, black is outside, gray is between.

    Args:
        source: see `load_image`.
        resize: see `load_image`.
        max_pixels: see `load_image`.

    Returns:
        Weights, float32, `(height, width)`, [0, 1].

    Raises:
        ImageError: if it cannot be read, is not gray, or has no pixel inside.
    """
    name = getattr(source, "filename", "") or source
    return to_mask(load_image(source, resize, max_pixels), name)


def load_images(reference, distorted, mask=None, resize=None) -> tuple:
    """Reads two images and their mask, if there is one, of one size.

    Args:
        reference: see `load_image`.
        distorted: see `load_image`.
        mask: see `load_mask`. Defaults to `None`, no mask.
        resize: see `load_image`.

    Returns:
        Two uint8 RGB arrays, and the mask, if there is one.

    Raises:
        ImageError: as `load_pair` and `load_mask` do.
    """
    pair = load_pair(reference, distorted, resize)
    if mask is None:
        return pair
    weights = load_mask(mask, resize)
    check_pair(reference, mask, (pair[0][..., 0], weights))
    return *pair, weights


def to_mask(pixels: np.ndarray, name) -> np.ndarray:
    """Returns the weights of a mask's image.

    Args:
        pixels: uint8 RGB, `(height, width, 3)`.
        name: its name in messages.

    Raises:
        ImageError: if it is not gray, or has no pixel inside.
    """
    gray = pixels[..., 0]
    if (pixels != gray[..., None]).any():
        raise ImageError(
            f"{name} is no mask: it must be gray, white (255) inside and black "
            "outside"
        )
    if gray.max() < BRIGHT:
        raise ImageError(
            f"{name} is no mask: white (255) is inside, and its brightest "
            f"pixel is {gray.max()}"
        )
    return gray / np.float32(255)
