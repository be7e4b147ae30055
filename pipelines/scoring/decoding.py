"""Encoded images to pixels: as the package reads them, PNG in less time."""

import struct

import numpy as np
import tensorflow as tf
from PIL import Image

from keras_lpips.images import decode_image

# A PNG's first 26 bytes: signature, and the header's length, name, width,
# height, bits per channel, kind of colour.
_PNG_HEAD = struct.Struct(">8sI4sIIBB")
_SIGNATURE, _HEADER, _BITS, _RGB = b"\x89PNG\r\n\x1a\n", b"IHDR", 8, 2
# What may turn an image, or make it one of several.
_SPECIAL_CHUNKS = (b"eXIf", b"acTL")


def decode(data: bytes, name, resize=None) -> np.ndarray:
    """Decodes an image.

    A plain PNG, 8 bits of RGB, goes through TensorFlow's decoder, which takes
    two thirds of Pillow's time for the same pixels; all else, and whatever
    that refuses, through `keras_lpips.images.decode_image`.

    Args:
        data: the content of a file.
        name: what messages call it.
        resize: `(height, width)` in pixels, or `None`.

    Returns:
        uint8 RGB, `(height, width, 3)`, [0, 255].

    Raises:
        ImageError: as `decode_image` does.
    """
    if resize is None and is_plain_png(data):
        try:
            return tf.io.decode_png(data, channels=3).numpy()
        except tf.errors.OpError:
            pass
    return decode_image(data, name, resize)


def is_plain_png(data: bytes) -> bool:
    """Whether there is one way to read it, and it is no bomb of pixels."""
    if len(data) < _PNG_HEAD.size:
        return False
    signature, _, header, width, height, bits, kind = _PNG_HEAD.unpack_from(
        data
    )
    return (
        (signature, header, bits, kind) == (_SIGNATURE, _HEADER, _BITS, _RGB)
        and width * height <= Image.MAX_IMAGE_PIXELS
        and not any(chunk in data for chunk in _SPECIAL_CHUNKS)
    )
