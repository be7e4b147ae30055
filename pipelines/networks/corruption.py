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
        height, width = (side // ESPCN_FACTOR for side in image.shape[:2])
        picture = Image.fromarray(image)
        return np.asarray(
            picture.resize((width, height), Image.Resampling.BICUBIC)
        )
    if corruption == "downsampling":
        height, width = image.shape[:2]
        small = (
            max(1, width // DOWNSAMPLING_FACTOR),
            max(1, height // DOWNSAMPLING_FACTOR),
        )
        picture = Image.fromarray(image)
        picture = picture.resize(small, Image.Resampling.BICUBIC)
        return np.asarray(
            picture.resize((width, height), Image.Resampling.BICUBIC)
        )
    raise ValueError(f"There is no corruption {corruption!r}.")
