"""DSSIM as in the reference, and MS-SSIM."""

import numpy as np
from scipy.ndimage import correlate1d
from skimage.metrics import structural_similarity

# Wang et al. 2003: weights of the five scales, from the finest.
SCALE_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
# Wang et al. 2004: stabilizing constants and an 11 x 11 Gaussian window.
K1, K2 = 0.01, 0.03
WINDOW_SIGMA = 1.5
WINDOW_RADIUS = 5


def dssim(reference, distorted) -> float:
    """Returns `(1 - SSIM) / 2` with a uniform 7 x 7 window (reference).

    Args:
        reference: uint8 RGB, `(height, width, 3)`, [0, 255].
        distorted: the same.
    """
    similarity = structural_similarity(
        reference, distorted, channel_axis=-1, data_range=255
    )
    return float((1 - similarity) / 2)


def ms_ssim(reference, distorted) -> float:
    """Returns the multi-scale SSIM (Wang et al. 2003), mean of channels.

    The published metric needs 161 pixels. On smaller images, scales smaller
    than the window are padded by reflection.

    Args:
        reference: uint8 RGB, `(height, width, 3)`, [0, 255].
        distorted: the same.
    """
    x, y = reference.astype(np.float64), distorted.astype(np.float64)
    result = np.ones(3)
    for scale, weight in enumerate(SCALE_WEIGHTS, start=1):
        luminance, structure = _similarities(x, y)
        last = scale == len(SCALE_WEIGHTS)
        term = luminance * structure if last else structure
        # A negative term has no real power.
        result *= np.maximum(term.mean(axis=(0, 1)), 0) ** weight
        x, y = _halved(x), _halved(y)
    return float(result.mean())


def _similarities(x, y):
    mean_x, mean_y = _window(x), _window(y)
    variance_x = _window(x * x) - mean_x**2
    variance_y = _window(y * y) - mean_y**2
    covariance = _window(x * y) - mean_x * mean_y
    c1, c2 = (K1 * 255) ** 2, (K2 * 255) ** 2
    luminance = (2 * mean_x * mean_y + c1) / (mean_x**2 + mean_y**2 + c1)
    structure = (2 * covariance + c2) / (variance_x + variance_y + c2)
    inner = slice(WINDOW_RADIUS, -WINDOW_RADIUS)
    if min(x.shape[:2]) > 2 * WINDOW_RADIUS:
        return luminance[inner, inner], structure[inner, inner]
    return luminance, structure


def _window(x):
    at = np.arange(-WINDOW_RADIUS, WINDOW_RADIUS + 1)
    weights = np.exp(-(at**2) / (2 * WINDOW_SIGMA**2))
    weights /= weights.sum()
    return correlate1d(correlate1d(x, weights, axis=0), weights, axis=1)


def _halved(x):
    """Returns means of 2 x 2 pixels; drops an odd last row or column."""
    height, width = (side // 2 * 2 for side in x.shape[:2])
    if not height or not width:
        return x
    x = x[:height, :width]
    return (x[::2, ::2] + x[1::2, ::2] + x[::2, 1::2] + x[1::2, 1::2]) / 4
