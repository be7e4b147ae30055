"""Compression: jpeg."""

import io

import numpy as np
from PIL import Image

# Of the Independent JPEG Group's scale. KADID-10k's levels are 43, 36, 24, 7
# and 4; at 95, the most that Pillow's documentation advises, nothing is seen.
MAX_QUALITY, MIN_QUALITY = 95, 4


def jpeg(image, strength, generator):
    """Encodes and decodes; the quality falls geometrically with strength.

    Args:
        image: uint8 RGB, `(height, width, 3)`.
        strength: in [0, 1], from `MAX_QUALITY` to `MIN_QUALITY`.
        generator: not used.
    """
    file = io.BytesIO(jpeg_bytes(image, strength))
    return np.asarray(Image.open(file, formats=["JPEG"]))


def jpeg_bytes(image, strength) -> bytes:
    """The file that `jpeg` decodes, chroma at half resolution."""
    quality = MAX_QUALITY * (MIN_QUALITY / MAX_QUALITY) ** strength
    file = io.BytesIO()
    Image.fromarray(image).save(
        file, "JPEG", quality=round(quality), subsampling="4:2:0"
    )
    return file.getvalue()
