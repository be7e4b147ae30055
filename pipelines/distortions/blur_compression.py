"""Distortions that remove detail: Gaussian blur, bilateral filter, JPEG.

Every function takes uint8 RGB `(height, width, 3)`, a strength in [0, 1] and
a generator (not used here), and returns uint8 RGB of the same shape.
"""

import io

import cv2
import numpy as np
from PIL import Image

# In pixels: the last of KADID-10k's levels, .1, .5, 1, 2 and 5.
MAX_GAUSSIAN_DEVIATION = 5.0
# In pixels, and in levels of [0, 255]; our choice: they remove the texture of a
# patch of 64 pixels.
MAX_BILATERAL_SPACE = 5.0
MAX_BILATERAL_COLOR = 150.0
# On the Independent JPEG Group's scale. KADID-10k's levels are 43, 36, 24, 7
# and 4; 95, the most that Pillow's documentation advises, is not visible.
MAX_QUALITY, MIN_QUALITY = 95, 4


def gaussian_blur(image, strength, generator):
    """Blurs by a Gaussian of up to `MAX_GAUSSIAN_DEVIATION` pixels."""
    deviation = MAX_GAUSSIAN_DEVIATION * strength
    return cv2.GaussianBlur(image, (0, 0), deviation)


def bilateral_filter(image, strength, generator):
    """Averages pixels that are close in space and in color.

    Deviations up to `MAX_BILATERAL_SPACE` and `MAX_BILATERAL_COLOR`.
    """
    return cv2.bilateralFilter(
        image,
        -1,
        sigmaColor=MAX_BILATERAL_COLOR * strength,
        sigmaSpace=MAX_BILATERAL_SPACE * strength,
    )


def jpeg(image, strength, generator):
    """Compresses as JPEG; the quality falls geometrically with strength.

    From `MAX_QUALITY` to `MIN_QUALITY`.
    """
    file = io.BytesIO(jpeg_bytes(image, strength))
    return np.asarray(Image.open(file, formats=["JPEG"]))


def jpeg_bytes(image, strength) -> bytes:
    """Returns the file that `jpeg` decodes, chroma at half resolution."""
    quality = MAX_QUALITY * (MIN_QUALITY / MAX_QUALITY) ** strength
    file = io.BytesIO()
    Image.fromarray(image).save(
        file, "JPEG", quality=round(quality), subsampling="4:2:0"
    )
    return file.getvalue()
