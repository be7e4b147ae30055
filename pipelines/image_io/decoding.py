"""Decodes images to the pixels that `keras_lpips` reads, PNG faster."""

import struct

import kornia_rs
import numpy as np
from PIL import Image

from keras_lpips.images.reader import decode_image

# A PNG's first 26 bytes: signature, and the header's length, name, width,
# height, bits per channel, kind of colour.
_PNG_HEAD = struct.Struct(">8sI4sIIBB")
_SIGNATURE, _HEADER, _BITS, _RGB = b"\x89PNG\r\n\x1a\n", b"IHDR", 8, 2
# Length and name of a chunk, and the checksum after it.
_CHUNK_HEAD, _CHECKSUM_BYTES = struct.Struct(">I4s"), 4
# Chunks that may rotate an image or make it one of several; texts that may.
_SPECIAL_CHUNKS = (b"eXIf", b"acTL")
_TEXTS, _KEYWORD_BYTES = (b"tEXt", b"zTXt", b"iTXt"), 80
_SPECIAL_TEXTS = (b"Raw profile type exif\0", b"XML:com.adobe.xmp\0")


def decode(data: bytes, name, resize=None) -> np.ndarray:
    """Decodes an image.

    Kornia decodes plain PNGs, 8 bits of RGB, in half of Pillow's time to the
    same pixels. `keras_lpips.images.reader.decode_image` decodes the rest, and
    whatever Kornia refuses.

    Args:
        data: the content of a file.
        name: its name in error messages.
        resize: `(height, width)` in pixels, or `None`.

    Returns:
        uint8 RGB, `(height, width, 3)`, [0, 255].

    Raises:
        ImageError: as `decode_image` does.
    """
    if resize is None and is_plain_png(data):
        width, height = _PNG_HEAD.unpack_from(data)[3:5]
        try:
            return kornia_rs.io.decode_image_png_u8(
                data, (height, width), "rgb"
            )
        # Kornia has no exception class of its own.
        except Exception:
            pass
    return decode_image(data, name, resize)


def is_plain_png(data: bytes) -> bool:
    """Returns whether both decoders agree on it, and its size is allowed."""
    if len(data) < _PNG_HEAD.size:
        return False
    signature, _, header, width, height, bits, kind = _PNG_HEAD.unpack_from(
        data
    )
    return (
        (signature, header, bits, kind) == (_SIGNATURE, _HEADER, _BITS, _RGB)
        and width * height <= Image.MAX_IMAGE_PIXELS
        and not any(_is_special(*chunk) for chunk in _chunks(data))
    )


def _is_special(name, content):
    return name in _SPECIAL_CHUNKS or (
        name in _TEXTS and content.startswith(_SPECIAL_TEXTS)
    )


def _chunks(data):
    """Yields names, and contents up to the length of a text's keyword."""
    at = len(_SIGNATURE)
    while at + _CHUNK_HEAD.size <= len(data):
        length, name = _CHUNK_HEAD.unpack_from(data, at)
        at += _CHUNK_HEAD.size
        yield name, data[at : at + min(length, _KEYWORD_BYTES)]
        at += length + _CHECKSUM_BYTES
