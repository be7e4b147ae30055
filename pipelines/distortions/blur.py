"""Blurs: Gaussian, and the bilateral filter, which keeps edges.

Every function takes uint8 RGB `(height, width, 3)`, a strength in [0, 1] and
a generator (not used here), and returns uint8 RGB of the same shape.
"""

import cv2

# In pixels: the last of KADID-10k's levels, .1, .5, 1, 2 and 5.
MAX_GAUSSIAN_DEVIATION = 5.0
# In pixels, and in levels of [0, 255]; our choice: by these the texture of a
# 64 pixel patch is gone.
MAX_BILATERAL_SPACE = 5.0
MAX_BILATERAL_COLOR = 150.0


def gaussian_blur(image, strength, generator):
    """Blurs by a Gaussian of up to `MAX_GAUSSIAN_DEVIATION` pixels."""
    deviation = MAX_GAUSSIAN_DEVIATION * strength
    return cv2.GaussianBlur(image, (0, 0), deviation)


def bilateral_filter(image, strength, generator):
    """Averages pixels that are near in place and in color.

    Deviations up to `MAX_BILATERAL_SPACE` and `MAX_BILATERAL_COLOR`.
    """
    return cv2.bilateralFilter(
        image,
        -1,
        sigmaColor=MAX_BILATERAL_COLOR * strength,
        sigmaSpace=MAX_BILATERAL_SPACE * strength,
    )
