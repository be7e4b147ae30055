"""Decodes images like `keras_lpips`, with a faster decoder for PNG."""

import struct

import kornia_rs
import numpy as np
from isal import isal_zlib

from keras_lpips.images.formats import default_max_pixels
from keras_lpips.images.reader import decode_image

# A PNG's first 29 bytes: signature, and the header's length, name, width,
# height, bits per channel, color type, compression, filter, interlacing.
_PNG_HEAD = struct.Struct(">8sI4sIIBBBBB")
_SIGNATURE, _HEADER, _HEADER_BYTES = b"\x89PNG\r\n\x1a\n", b"IHDR", 13
# 8-bit RGB with the only defined compression and filter, not interlaced.
_PLAIN = (8, 2, 0, 0, 0)
_DATA = b"IDAT"
# Length and name of a chunk, and the checksum after it.
_CHUNK_HEAD, _CHECKSUM_BYTES = struct.Struct(">I4s"), 4
# Chunks that may rotate an image or add frames, and text chunks that may.
_SPECIAL_CHUNKS = (b"eXIf", b"acTL")
_TEXTS, _KEYWORD_BYTES = (b"tEXt", b"zTXt", b"iTXt"), 80
_SPECIAL_TEXTS = (b"Raw profile type exif\0", b"XML:com.adobe.xmp\0")


def decode(
    data: bytes, name, resize=None, max_pixels: int | None = None
) -> np.ndarray:
    """Decodes an image.

    Kornia decodes plain 8-bit RGB PNGs to the same pixels in half of Pillow's
    time. It does not verify the checksum of the rows, so ISA-L does that
    before. `keras_lpips.images.reader.decode_image` decodes all others, and
    files that ISA-L or Kornia rejects.

    Args:
        data: the content of a file.
        name: its name in error messages.
        resize: `(height, width)` in pixels, or `None`.
        max_pixels: see `keras_lpips.images.reader.load_image`.

    Returns:
        uint8 RGB, `(height, width, 3)`, [0, 255].

    Raises:
        ImageError: as `decode_image` does.
    """
    if resize is None and is_plain_png(data, max_pixels):
        width, height = _PNG_HEAD.unpack_from(data)[3:5]
        try:
            return kornia_rs.io.decode_image_png_u8(
                data, (height, width), "rgb"
            )
        # Kornia has no exception class of its own.
        except Exception:
            pass
    return decode_image(data, name, resize, max_pixels)


def is_plain_png(data: bytes, max_pixels: int | None = None) -> bool:
    """Returns whether data are a plain 8-bit RGB PNG of an allowed size."""
    if len(data) < _PNG_HEAD.size:
        return False
    signature, length, header, width, height, *kind = _PNG_HEAD.unpack_from(
        data
    )
    if (signature, length, header) != (_SIGNATURE, _HEADER_BYTES, _HEADER):
        return False
    limit = default_max_pixels() if max_pixels is None else max_pixels
    if tuple(kind) != _PLAIN or width * height > limit:
        return False
    parts = []
    for name, content in _chunks(data):
        if name == _DATA:
            parts.append(content)
        elif _is_special(name, content):
            return False
    # Each row begins with its filter type.
    return _is_whole(b"".join(parts), height * (1 + 3 * width))


def _is_whole(compressed, size):
    """Returns whether data unpack to this size with a valid checksum."""
    unpacker = isal_zlib.decompressobj()
    try:
        rows = unpacker.decompress(compressed, size + 1)
    except isal_zlib.error:
        return False
    return len(rows) == size and unpacker.eof


def _is_special(name, content):
    return name in _SPECIAL_CHUNKS or (
        name in _TEXTS and content[:_KEYWORD_BYTES].startswith(_SPECIAL_TEXTS)
    )


def _chunks(data):
    """Yields names and contents."""
    at = len(_SIGNATURE)
    while at + _CHUNK_HEAD.size <= len(data):
        length, name = _CHUNK_HEAD.unpack_from(data, at)
        at += _CHUNK_HEAD.size
        yield name, data[at : at + length]
        at += length + _CHECKSUM_BYTES
