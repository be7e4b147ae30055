"""Reads and validates photographs that are to be distorted."""

import hashlib
import io
import warnings

import numpy as np
from PIL import Image, ImageOps

# Larger images are refused by their header, before they are decoded.
MAX_PIXELS = 200_000_000
_EIGHT_BIT_COLOR = ("RGB", "RGBA", "P", "CMYK", "YCbCr")
_GRAY = ("1", "L", "LA", "I", "I;16", "F")


class BadPhotograph(Exception):
    """A photograph cannot be used; the message follows its name."""


def read_photograph(data: bytes, min_side: int = 1) -> np.ndarray:
    """Decodes a photograph.

    Args:
        data: the bytes of a file in any format that Pillow reads.
        min_side: the least height and width in pixels.

    Returns:
        uint8 RGB, `(height, width, 3)`, [0, 255]. Alpha is dropped, EXIF
        orientation is applied.

    Raises:
        BadPhotograph: it is damaged, too small, too large, or gray, so that
            distortions of color would not change it.
    """
    try:
        with warnings.catch_warnings():
            # The limit above replaces Pillow's, about which it warns.
            warnings.simplefilter("ignore")
            image = Image.open(io.BytesIO(data))
            if image.width * image.height > MAX_PIXELS:
                raise BadPhotograph(f"has more than {MAX_PIXELS} pixels")
            if min(image.size) < min_side:
                raise BadPhotograph(
                    f"is {image.width} x {image.height}, smaller than "
                    f"{min_side} pixels"
                )
            if image.mode in _GRAY:
                raise BadPhotograph("is gray")
            if image.mode not in _EIGHT_BIT_COLOR:
                raise BadPhotograph(f"is of an unknown kind ({image.mode})")
            upright = ImageOps.exif_transpose(image)
            pixels = np.asarray(upright.convert("RGB"))
    except BadPhotograph:
        raise
    except Image.UnidentifiedImageError:
        raise BadPhotograph("is no image") from None
    except Exception as error:
        # Pillow raises OSError, SyntaxError, ValueError, struct.error,
        # zlib.error and DecompressionBombError for damaged files.
        reason = str(error).split("\n")[0].rstrip(".")
        raise BadPhotograph(f"cannot be decoded: {reason}") from None
    if (pixels[..., :1] == pixels[..., 1:]).all():
        raise BadPhotograph("is gray")
    return pixels


def digest_of(image: np.ndarray) -> str:
    """Returns a digest of the pixels, equal in every lossless format.

    Args:
        image: uint8 RGB, `(height, width, 3)`, [0, 255].

    Returns:
        sha256 of its shape and bytes, in hexadecimal.
    """
    sha256 = hashlib.sha256(repr(image.shape).encode())
    sha256.update(np.ascontiguousarray(image).data)
    return sha256.hexdigest()
