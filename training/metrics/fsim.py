"""FSIM and FSIMc: feature similarity (Zhang et al., TIP 2011).

Phase congruency is Kovesi's (1999), with the parameters of the authors'
MATLAB program.
"""

import functools

import numpy as np
from scipy.ndimage import correlate

# Log-Gabor filters: scales from the shortest wavelength in pixels, factor
# between them, bandwidth; orientations and their angular deviation.
SCALES, SHORTEST_WAVELENGTH, SCALE_FACTOR, SIGMA_ON_F = 4, 6, 2, 0.55
ORIENTATIONS = 4
THETA_SIGMA = np.pi / ORIENTATIONS / 1.2
# Butterworth low pass that removes the spectrum's corners.
CUTOFF, SHARPNESS = 0.45, 15
# Noise: standard deviations above its mean, and an empirical divisor.
NOISE_DEVIATIONS, NOISE_DIVISOR = 2.0, 1.7

# Zhang et al. 2011, section IV: constants of the four similarities and the
# exponent of the chromatic ones.
T1, T2, T3, T4, CHROMATIC_EXPONENT = 0.85, 160, 200, 200, 0.03
# Images are downsampled by averaging to about this shorter side.
SHORTER_SIDE = 256
RGB_TO_YIQ = np.array(
    [
        [0.299, 0.587, 0.114],
        [0.596, -0.274, -0.322],
        [0.211, -0.523, 0.312],
    ]
)
SCHARR = np.array([[3, 0, -3], [10, 0, -10], [3, 0, -3]]) / 16


def fsim(reference, distorted) -> float:
    """Returns FSIM, of luminance alone, in (0, 1]; 1 for identical images.

    Args:
        reference: uint8 RGB, `(height, width, 3)`, [0, 255].
        distorted: the same.
    """
    return _similarity(reference, distorted, chromatic=False)


def fsimc(reference, distorted) -> float:
    """Returns FSIMc, with the two chromatic channels of YIQ.

    Args:
        reference: uint8 RGB, `(height, width, 3)`, [0, 255].
        distorted: the same.
    """
    return _similarity(reference, distorted, chromatic=True)


def _similarity(reference, distorted, chromatic):
    a, b = _to_yiq(reference), _to_yiq(distorted)
    congruency_a = _phase_congruency(a[..., 0])
    congruency_b = _phase_congruency(b[..., 0])
    weight = np.maximum(congruency_a, congruency_b)
    score = _ratio(congruency_a, congruency_b, T1)
    score = score * _ratio(_gradient(a[..., 0]), _gradient(b[..., 0]), T2)
    if chromatic:
        color = _ratio(a[..., 1], b[..., 1], T3)
        color = color * _ratio(a[..., 2], b[..., 2], T4)
        # Powers of negative numbers are complex; the real part is used, as in
        # MATLAB.
        score = score * np.real(color.astype(complex) ** CHROMATIC_EXPONENT)
    return float(np.sum(score * weight) / np.sum(weight))


def _ratio(a, b, constant):
    return (2 * a * b + constant) / (a**2 + b**2 + constant)


def _to_yiq(image):
    yiq = image.astype(np.float64) @ RGB_TO_YIQ.T
    size = max(1, round(min(image.shape[:2]) / SHORTER_SIDE))
    if size == 1:
        return yiq
    height, width = (side // size * size for side in image.shape[:2])
    blocks = yiq[:height, :width].reshape(
        height // size, size, width // size, size, 3
    )
    return blocks.mean(axis=(1, 3))


def _gradient(luminance):
    x = correlate(luminance, SCHARR, mode="constant")
    y = correlate(luminance, SCHARR.T, mode="constant")
    return np.hypot(x, y)


@functools.lru_cache(maxsize=8)
def _log_gabor(shape):
    """Returns transfer functions, `(orientations, scales, height, width)`."""
    y, x = np.meshgrid(*(_frequencies(side) for side in shape), indexing="ij")
    radius, theta = np.hypot(x, y), np.arctan2(-y, x)
    low_pass = 1 / (1 + (radius / CUTOFF) ** (2 * SHARPNESS))
    radius[radius == 0] = 1
    radial = []
    for scale in range(SCALES):
        center = 1 / (SHORTEST_WAVELENGTH * SCALE_FACTOR**scale)
        gain = np.exp(
            -(np.log(radius / center) ** 2) / (2 * np.log(SIGMA_ON_F) ** 2)
        )
        gain = gain * low_pass
        gain[np.hypot(x, y) == 0] = 0
        radial.append(gain)
    filters = []
    for orientation in range(ORIENTATIONS):
        angle = orientation * np.pi / ORIENTATIONS
        away = np.abs(np.angle(np.exp(1j * (theta - angle))))
        spread = np.exp(-(away**2) / (2 * THETA_SIGMA**2))
        filters.append([spread * gain for gain in radial])
    return np.array(filters)


def _frequencies(side):
    """Returns frequencies in cycles per pixel, spaced as Kovesi's."""
    if side % 2:
        steps = np.arange(-(side - 1) / 2, side / 2) / max(side - 1, 1)
    else:
        steps = np.arange(-side / 2, side / 2) / side
    return np.fft.ifftshift(steps)


@functools.lru_cache(maxsize=8)
def _noise_gain(shape):
    """Returns the squared energy of unit-power noise, by orientation."""
    filters = _log_gabor(shape)
    impulses = np.fft.ifft2(filters).real * np.sqrt(np.prod(shape))
    squares = np.sum(impulses**2, axis=(1, 2, 3))
    total = np.sum(np.sum(impulses, axis=1) ** 2, axis=(1, 2))
    # 2 sum A_i^2 + 4 sum_{i<j} A_i A_j
    energy = 2 * squares + 2 * (total - squares)
    return energy / np.sum(filters[:, 0] ** 2, axis=(1, 2))


def _phase_congruency(luminance):
    tiny = np.finfo(np.float64).eps
    spectrum = np.fft.fft2(luminance)
    responses = np.fft.ifft2(spectrum * _log_gabor(luminance.shape))
    amplitude = np.abs(responses)
    whole = responses.sum(axis=1, keepdims=True)
    direction = whole / (np.abs(whole) + tiny)
    turned = responses * direction.conj()
    energy = np.sum(turned.real - np.abs(turned.imag), axis=1)
    # Noise from the median response at the smallest scale (Rayleigh).
    median = np.median(amplitude[:, 0] ** 2, axis=(1, 2))
    power = -median / np.log(0.5)
    tau = np.sqrt(power * _noise_gain(luminance.shape) / 2)
    threshold = tau * np.sqrt(np.pi / 2)
    threshold = threshold + NOISE_DEVIATIONS * tau * np.sqrt(2 - np.pi / 2)
    threshold = threshold[:, None, None] / NOISE_DIVISOR
    energy = np.maximum(energy - threshold, 0)
    return (energy.sum(0) + tiny) / (amplitude.sum((0, 1)) + tiny)
