"""Corrupts images, which networks are trained to restore."""

import cv2
import numpy as np
from PIL import Image

from pipelines.distortions.noise import gaussian_white_noise, pink_noise
from pipelines.networks.settings import ESPCN_FACTOR

# Strength of the noise: a standard deviation of 0.1 in [0, 1].
NOISE_STRENGTH = 0.5
DOWNSAMPLING_FACTOR = 3


def corrupt(image, corruption, rng) -> np.ndarray:
    """Corrupts a patch.

    Args:
        image: uint8 RGB, `(height, width, 3)`.
        corruption: one of `settings.CORRUPTIONS`, or "reduction".
        rng: NumPy generator of the noise.

    Returns:
        uint8 RGB of the same shape; of "reduction", smaller.
    """
    if corruption == "none":
        return image
    if corruption == "pink_noise":
        return pink_noise(image, NOISE_STRENGTH, rng)
    if corruption == "white_noise":
        return gaussian_white_noise(image, NOISE_STRENGTH, rng)
    if corruption == "color_removal":
        gray = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
        return np.repeat(gray[..., None], 3, axis=-1)
    if corruption == "reduction":
        return _resize(image, [x // ESPCN_FACTOR for x in image.shape[:2]])
    if corruption == "downsampling":
        shape = image.shape[:2]
        small = [max(1, side // DOWNSAMPLING_FACTOR) for side in shape]
        return _resize(_resize(image, small), shape)
    raise ValueError(f"There is no corruption {corruption!r}.")


def _resize(image, shape):
    picture = Image.fromarray(image)
    return np.asarray(picture.resize(shape[::-1], Image.Resampling.BICUBIC))
