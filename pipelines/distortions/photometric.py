"""Photometric distortions: light, color, contrast, saturation.

Every function takes uint8 RGB `(height, width, 3)`, a strength in [0, 1] and
a generator, and returns uint8 RGB of the same shape. They work in CIE L*a*b*
(D65), which is approximately perceptually uniform. The paper does not give
ranges; these are our choice, each with its reason.
"""

import cv2
import numpy as np

from pipelines.distortions.distortion import to_uint8

# L* spans 100; our choice, 2.5 times KADID-10k's strongest mean shift, .15 of
# the range, so that strength 1 is obvious.
MAX_LIGHTNESS_SHIFT = 38.0
# In a*b*; 2.3 is just noticeable (Mahy et al. 1994). 30, our choice, is an
# evident cast.
MAX_COLOR_SHIFT = 30.0
# Keeps .2 of the contrast, as the third of ImageNet-C's levels, .4, .3, .2, .1
# and .05.
MAX_CONTRAST_RATIO = 5.0
# Chroma is multiplied by up to this, or lowered to none.
MAX_SATURATION_RATIO = 3.0


def lightness_shift(image, strength, generator):
    """Makes the image lighter or darker, L* by up to `MAX_LIGHTNESS_SHIFT`."""
    lab = _to_lab(image)
    lab[..., 0] += _sign(generator) * MAX_LIGHTNESS_SHIFT * strength
    return _from_lab(lab)


def color_shift(image, strength, generator):
    """Shifts a*b* by up to `MAX_COLOR_SHIFT` towards a random hue."""
    hue = generator.uniform(0, 2 * np.pi)
    lab = _to_lab(image)
    shift = np.float32([np.cos(hue), np.sin(hue)])
    lab[..., 1:] += shift * np.float32(MAX_COLOR_SHIFT * strength)
    return _from_lab(lab)


def contrast(image, strength, generator):
    """Scales the contrast by `MAX_CONTRAST_RATIO` at most, up or down.

    The ratio is geometric in the strength; whether it raises or lowers the
    contrast is random.
    """
    ratio = MAX_CONTRAST_RATIO ** (_sign(generator) * strength)
    mean = image.mean()
    return to_uint8((image - mean) * ratio + mean)


def saturation(image, strength, generator):
    """Raises the chroma up to `MAX_SATURATION_RATIO` times, or removes it."""
    more = 1 + (MAX_SATURATION_RATIO - 1) * strength
    ratio = more if _sign(generator) > 0 else 1 - strength
    lab = _to_lab(image)
    lab[..., 1:] *= np.float32(ratio)
    return _from_lab(lab)


def _sign(generator):
    return 1 if generator.random() < 0.5 else -1


def _to_lab(image):
    return cv2.cvtColor(image.astype(np.float32) / 255, cv2.COLOR_RGB2Lab)


def _from_lab(lab):
    lab[..., 0] = np.clip(lab[..., 0], 0, 100)
    return to_uint8(cv2.cvtColor(lab, cv2.COLOR_Lab2RGB) * 255)
