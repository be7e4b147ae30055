"""Converts patches to RGB PNGs at native size or at 64 pixels.

The authors' loader converts to RGB and resizes the shorter side to 64 with
PIL's antialiased bilinear filter on uint8; all published results are computed
from these pixels.
"""

import io

from PIL import Image

# Bit depth and color type of 8-bit RGB, and their offset in a PNG's header.
_RGB8 = bytes([8, 2])
_RGB8_AT = slice(24, 26)


def encode_patch(
    image: Image.Image, data: bytes, shorter_side: int | None
) -> bytes:
    """Returns the PNG of a patch as the dataset stores it.

    A file that already holds the pixels to be stored is returned unchanged.

    Args:
        image: the decoded patch.
        data: the bytes of the decoded file.
        shorter_side: height or width in pixels, whichever is smaller, or
            `None` to keep the size.

    Returns:
        Bytes of an 8-bit RGB PNG. Alpha is dropped, as the authors' loader
        does.
    """
    size = resized_size(image.size, shorter_side)
    keep = size == image.size and "transparency" not in image.info
    if keep and data[_RGB8_AT] == _RGB8:
        return data
    image = image.convert("RGB")
    if size != image.size:
        image = image.resize(size, Image.Resampling.BILINEAR)
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


def resized_size(
    size: tuple[int, int], shorter_side: int | None
) -> tuple[int, int]:
    """Returns width and height after a resize of the shorter side."""
    width, height = size
    if shorter_side is None or min(size) == shorter_side:
        return size
    # The longer side is rounded down, as torchvision's Resize does.
    if width < height:
        return shorter_side, int(shorter_side * height / width)
    return int(shorter_side * width / height), shorter_side
