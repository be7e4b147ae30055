"""Real algorithms: super-resolution of a downsampled patch.

Every function takes uint8 RGB `(height, width, 3)`, a strength in [0, 1] and
a generator (not used here), and returns uint8 RGB of the same shape. The
patch is downsampled by up to `MAX_FACTOR` with Pillow's antialiased bicubic
filter, and upsampled by the algorithm.
"""

import numpy as np
from PIL import Image

from pipelines.distortions.distortion import to_uint8

# Our choice: 8 would leave 8 pixels of 64.
MAX_FACTOR = 4.0
# Our choice.
BACK_PROJECTIONS = 10


def nearest(image, strength, generator):
    """Repeats pixels."""
    return _enlarge(_reduced(image, strength), image, Image.Resampling.NEAREST)


def bicubic(image, strength, generator):
    """Interpolates by cubic convolution."""
    return _enlarge(_reduced(image, strength), image, Image.Resampling.BICUBIC)


def lanczos(image, strength, generator):
    """Interpolates by a windowed sinc of three lobes."""
    return _enlarge(_reduced(image, strength), image, Image.Resampling.LANCZOS)


def back_projection(image, strength, generator):
    """Upsamples so that downsampling the result gives the small patch.

    Irani and Peleg, "Improving resolution by image registration", 1991.
    """
    small = _reduced(image, strength)
    channels = []
    for channel in range(3):
        target = small[..., channel].astype(np.float32)
        estimate = _resize(target, image.shape)
        for _ in range(BACK_PROJECTIONS):
            error = target - _resize(estimate, small.shape)
            estimate = estimate + _resize(error, image.shape)
        channels.append(estimate)
    estimate = np.stack(channels, axis=-1)
    return to_uint8(estimate)


def _reduced(image, strength):
    factor = 1 + (MAX_FACTOR - 1) * strength
    height, width = (max(1, round(side / factor)) for side in image.shape[:2])
    small = Image.fromarray(image).resize(
        (width, height), Image.Resampling.BICUBIC
    )
    return np.asarray(small)


def _enlarge(small, image, resampling):
    height, width = image.shape[:2]
    return np.asarray(
        Image.fromarray(small).resize((width, height), resampling)
    )


def _resize(plane, shape):
    """Resizes a float32 channel to the height and width in `shape`."""
    return np.asarray(
        Image.fromarray(plane).resize(
            (shape[1], shape[0]), Image.Resampling.BICUBIC
        )
    )
