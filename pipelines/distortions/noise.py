r"""Noise: white, colored by a spectral exponent, and checkerboard.

Every function takes uint8 RGB `(height, width, 3)`, a strength in [0, 1] and
a generator, and returns uint8 RGB of the same shape.

A noise's power falls with the spatial frequency as

    power(f) = f^-exponent      exponent  violet -2, blue -1, white 0,
                                          pink 1, brown 2

Additive noises have mean 0 and, for a given strength, one deviation; the
channels are independent. Only clipping to [0, 255] moves the image's mean.
"""

import numpy as np

from pipelines.distortions.distortion import to_uint8

# Of [0, 255]; between KADID-10k's strongest, .1 (a variance of .01), and
# ImageNet-C's, .38, whose five levels are .08, .12, .18, .26 and .38.
MAX_DEVIATION = 0.2 * 255
PINK, BLUE = 1.0, -1.0
VIOLET, BROWN = -2.0, 2.0
# Strides of the transposed convolutions that cause the artifact.
CHECKERBOARD_STRIDES = (2, 4)
# Fraction of the full artifact; a larger one would hide the image.
MAX_CHECKERBOARD_SHARE = 0.5


def uniform_white_noise(image, strength, generator):
    """Adds white noise, uniform, of deviation up to `MAX_DEVIATION`."""
    half_width = np.sqrt(3) * MAX_DEVIATION * strength
    return to_uint8(
        image + generator.uniform(-half_width, half_width, image.shape)
    )


def gaussian_white_noise(image, strength, generator):
    """Adds white noise, Gaussian, of deviation up to `MAX_DEVIATION`."""
    deviation = MAX_DEVIATION * strength
    return to_uint8(image + generator.normal(0, deviation, image.shape))


def pink_noise(image, strength, generator):
    """Adds Gaussian noise of exponent 1, deviation up to `MAX_DEVIATION`."""
    return _add_colored(image, strength, PINK, generator)


def blue_noise(image, strength, generator):
    """Adds Gaussian noise of exponent -1, deviation up to `MAX_DEVIATION`."""
    return _add_colored(image, strength, BLUE, generator)


def colored_noise(image, strength, generator):
    """Adds Gaussian noise of a random exponent between violet and brown.

    The deviation goes up to `MAX_DEVIATION`.
    """
    exponent = generator.uniform(VIOLET, BROWN)
    return _add_colored(image, strength, exponent, generator)


def checkerboard(image, strength, generator):
    """Multiplies by the uneven gain of a transposed convolution.

    If the kernel size is not a multiple of the stride, outputs alternately get
    1 or 2 contributions along each axis (Odena et al. 2016, "Deconvolution and
    checkerboard artifacts"): the gain is 4/9, 8/9 or 16/9, its mean 1. At
    strength 1, the gain is halfway between 1 and this pattern; stride and phase
    are random.
    """
    stride = generator.choice(CHECKERBOARD_STRIDES)
    steps = np.repeat([2.0, 1.0], stride // 2) / 1.5
    height, width = image.shape[:2]
    rows, columns = generator.integers(stride, size=2)
    down = np.resize(np.roll(steps, rows), height)
    across = np.resize(np.roll(steps, columns), width)
    gain = 1 + MAX_CHECKERBOARD_SHARE * strength * (np.outer(down, across) - 1)
    return to_uint8(image * gain[..., None])


def colored_field(shape, exponent, generator):
    """Returns Gaussian noise whose power falls as frequency^-exponent.

    Args:
        shape: `(height, width, channels)`.
        exponent: exponent of the power spectrum.
        generator: source of the randomness.

    Returns:
        float64 of `shape`, mean 0 exactly, deviation 1 on average.
    """
    height, width = shape[:2]
    spectrum = np.fft.fft2(generator.normal(size=shape), axes=(0, 1))
    frequency = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.fftfreq(width))
    # Frequency 0, the mean, belongs to no noise.
    frequency[0, 0] = np.inf
    amplitude = np.zeros_like(frequency)
    finite = np.isfinite(frequency)
    amplitude[finite] = frequency[finite] ** (-exponent / 2)
    amplitude /= np.sqrt(np.mean(amplitude**2))
    return np.fft.ifft2(spectrum * amplitude[..., None], axes=(0, 1)).real


def _add_colored(image, strength, exponent, generator):
    field = colored_field(image.shape, exponent, generator)
    return to_uint8(image + MAX_DEVIATION * strength * field)
