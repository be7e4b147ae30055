"""The metrics that LPIPS is compared with, on uint8 RGB images."""

import numpy as np
from skimage.metrics import peak_signal_noise_ratio, structural_similarity


def l2(reference, distorted) -> float:
    """Returns the mean squared difference of images scaled to [0, 1].

    Args:
        reference: uint8 RGB, `(height, width, 3)`, [0, 255].
        distorted: the same.
    """
    difference = (reference.astype(np.float64) - distorted) / 255
    return float(np.mean(difference**2))


def psnr(reference, distorted) -> float:
    """Returns the peak signal-to-noise ratio in dB; infinite if identical.

    Args:
        reference: uint8 RGB, `(height, width, 3)`, [0, 255].
        distorted: the same.
    """
    if np.array_equal(reference, distorted):
        return float("inf")
    return float(peak_signal_noise_ratio(reference, distorted, data_range=255))


def ssim(reference, distorted) -> float:
    """Returns the structural similarity (Wang et al. 2004), mean of channels.

    Gaussian weights of standard deviation 1.5, as in that paper.

    Args:
        reference: uint8 RGB, `(height, width, 3)`, [0, 255].
        distorted: the same.
    """
    return float(
        structural_similarity(
            reference,
            distorted,
            channel_axis=-1,
            data_range=255,
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
        )
    )
