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
    small = _reduced(image, strength)
    return _resize(small, image.shape, Image.Resampling.NEAREST)


def bicubic(image, strength, generator):
    """Interpolates by cubic convolution."""
    return _resize(_reduced(image, strength), image.shape)


def lanczos(image, strength, generator):
    """Interpolates by a windowed sinc of three lobes."""
    small = _reduced(image, strength)
    return _resize(small, image.shape, Image.Resampling.LANCZOS)


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
    return to_uint8(np.stack(channels, axis=-1))


def _reduced(image, strength):
    factor = 1 + (MAX_FACTOR - 1) * strength
    return _resize(image, [max(1, round(x / factor)) for x in image.shape[:2]])


def _resize(image, shape, resampling=Image.Resampling.BICUBIC):
    """Resizes uint8 RGB, or a float32 channel, to `shape`'s height, width."""
    picture = Image.fromarray(image)
    return np.asarray(picture.resize((shape[1], shape[0]), resampling))
