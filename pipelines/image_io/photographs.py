"""Reads and validates photographs for synthesis."""

import contextlib
import hashlib
import io

import numpy as np
from etils import epath

from keras_lpips.images.errors import as_image_error
from keras_lpips.images.formats import check_regular_file, open_image
from keras_lpips.images.reader import decode_image
from keras_lpips.images.validation import ImageError

# Larger images are rejected by their header, before they are decoded.
MAX_PIXELS = 200_000_000
_EIGHT_BIT_COLOR = ("RGB", "RGBA", "P", "CMYK", "YCbCr")
_GRAY = ("1", "L", "LA", "I", "I;16", "F")


class InvalidPhotographError(Exception):
    """A photograph cannot be used; the message is a predicate to its name."""


def read_file(path: str) -> bytes:
    """Returns the content of a file, local or remote.

    Raises:
        InvalidPhotographError: it is not a regular file, such as a pipe.
        OSError: it cannot be read.
    """
    if "://" not in str(path):
        with _as_invalid_photograph_error():
            check_regular_file(path)
    return epath.Path(path).read_bytes()


def read_photograph(data: bytes, min_side: int = 1) -> np.ndarray:
    """Decodes a photograph.

    Args:
        data: the bytes of a file in a format of `keras_lpips.images.formats`.
        min_side: the least height and width in pixels.

    Returns:
        uint8 RGB, `(height, width, 3)`, [0, 255]. Alpha is dropped, EXIF
        orientation is applied.

    Raises:
        InvalidPhotographError: it is damaged, too small, too large, or gray,
            so that distortions of color would not change it.
    """
    with _as_invalid_photograph_error():
        with (
            as_image_error(""),
            open_image(io.BytesIO(data), "", MAX_PIXELS) as image,
        ):
            mode, (width, height) = image.mode, image.size
        if min(width, height) < min_side:
            raise InvalidPhotographError(
                f"is {width} x {height}, smaller than {min_side} pixels"
            )
        if mode in _GRAY:
            raise InvalidPhotographError("is gray")
        if mode not in _EIGHT_BIT_COLOR:
            raise InvalidPhotographError(f"is of an unknown kind ({mode})")
        pixels = decode_image(data, "", max_pixels=MAX_PIXELS)
    if (pixels[..., :1] == pixels[..., 1:]).all():
        raise InvalidPhotographError("is gray")
    return pixels


@contextlib.contextmanager
def _as_invalid_photograph_error():
    """Converts `ImageError`, whose message begins with an empty name."""
    try:
        yield
    except ImageError as error:
        raise InvalidPhotographError(str(error).strip()) from None


def digest_pixels(image: np.ndarray) -> str:
    """Returns a digest of the pixels, equal in every lossless format.

    Args:
        image: uint8 RGB, `(height, width, 3)`, [0, 255].

    Returns:
        sha256 of its shape and bytes, in hexadecimal.
    """
    sha256 = hashlib.sha256(repr(image.shape).encode())
    sha256.update(np.ascontiguousarray(image).data)
    return sha256.hexdigest()
