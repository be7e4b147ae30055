"""Real algorithms: deblurring of a patch with motion blur.

Every function takes uint8 RGB `(height, width, 3)`, a strength in [0, 1] and
a generator, and returns uint8 RGB of the same shape. The blur is a straight
motion of random direction and up to `MAX_MOTION` pixels, with the slight noise
of a camera. The algorithms know the motion; unsupervised Wiener estimates the
noise. Patches are padded by reflection before, and cropped afterwards.
"""

import functools

import cv2
import numpy as np
from scipy import ndimage
from skimage import restoration

from pipelines.distortions.distortion import to_uint8

# In pixels: a sixth of a 64 pixel patch.
MAX_MOTION = 11.0
# Of [0, 1]: less than two levels of 255.
NOISE_DEVIATION = 0.005
BORDER = 16
# Of [0, 1]: Richardson-Lucy divides by the image.
DARKEST = 0.002
# Chosen by eye on the contact sheet, between ringing and blur.
WIENER_BALANCE = 0.01
RICHARDSON_LUCY_ITERATIONS = 15
TOTAL_VARIATION_WEIGHT = 0.004
TOTAL_VARIATION_ITERATIONS = 20


def wiener(image, strength, generator):
    """Deblurs by Wiener-Hunt deconvolution with a fixed balance."""

    def restore(blurred, kernel):
        return restoration.wiener(
            _tapered(blurred, kernel), kernel, WIENER_BALANCE, clip=False
        )

    return _deblur(image, strength, generator, restore)


def unsupervised_wiener(image, strength, generator):
    """Deblurs by Wiener-Hunt deconvolution with a sampled balance.

    Orieux, Giovannelli and Rodet, 2010.
    """

    def restore(blurred, kernel):
        settings = {"max_num_iter": 30, "min_num_iter": 10, "burnin": 5}
        return restoration.unsupervised_wiener(
            _tapered(blurred, kernel),
            kernel,
            user_params=settings,
            clip=False,
            rng=generator,
        )[0]

    return _deblur(image, strength, generator, restore)


def richardson_lucy(image, strength, generator):
    """Deblurs by maximum likelihood under Poisson noise.

    Richardson (1972) and Lucy (1974).
    """
    return _deblur(
        image,
        strength,
        generator,
        functools.partial(
            restoration.richardson_lucy,
            num_iter=RICHARDSON_LUCY_ITERATIONS,
            clip=False,
            filter_epsilon=DARKEST,
        ),
    )


def total_variation(image, strength, generator):
    """Deblurs by least squares with a total-variation penalty.

    Proximal gradient steps (Beck and Teboulle 2009) whose proximal operator
    is Chambolle's denoising.
    """

    def restore(blurred, kernel):
        estimate = blurred
        for _ in range(TOTAL_VARIATION_ITERATIONS):
            error = _convolve(estimate, kernel) - blurred
            # A kernel of sum 1 has a Lipschitz constant of 1.
            estimate = estimate - _convolve(error, kernel[::-1, ::-1])
            estimate = restoration.denoise_tv_chambolle(
                estimate, weight=TOTAL_VARIATION_WEIGHT, max_num_iter=10
            )
        return estimate

    return _deblur(image, strength, generator, restore)


def motion_kernel(length, angle):
    """Returns the kernel of a straight motion: float64, odd sides, sum 1.

    Args:
        length: in pixels; 0 moves nothing.
        angle: in radians.
    """
    radius = int(np.ceil(length / 2)) + 1
    side = 2 * radius + 1
    steps = np.linspace(-length / 2, length / 2, 4 * side)
    edges = np.arange(side + 1) - side / 2
    kernel, _, _ = np.histogram2d(
        steps * np.sin(angle), steps * np.cos(angle), bins=(edges, edges)
    )
    return kernel / kernel.sum()


def _deblur(image, strength, generator, restore):
    kernel = motion_kernel(
        MAX_MOTION * strength, generator.uniform(0, 2 * np.pi)
    )
    padded = np.pad(image, ((BORDER,) * 2, (BORDER,) * 2, (0, 0)), "reflect")
    blurred = _convolve(padded / 255, kernel)
    blurred += generator.normal(0, NOISE_DEVIATION, blurred.shape)
    restored = np.stack(
        [restore(blurred[..., channel], kernel) for channel in range(3)],
        axis=-1,
    )
    height, width = image.shape[:2]
    inside = restored[BORDER : BORDER + height, BORDER : BORDER + width]
    return to_uint8(np.nan_to_num(inside) * 255)


def _tapered(blurred, kernel):
    """Blends the border with the blur of the periodic image.

    Wiener-Hunt deconvolution assumes a periodic image, and turns a seam between
    opposite sides into stripes everywhere.
    """
    height, width = blurred.shape
    ramp = np.minimum(
        _distance_to_end(height)[:, None], _distance_to_end(width)
    )
    weight = np.minimum(ramp / BORDER, 1)
    periodic = ndimage.convolve(blurred, kernel, mode="wrap")
    return weight * blurred + (1 - weight) * periodic


def _distance_to_end(count):
    return np.minimum(np.arange(count), np.arange(count)[::-1])


def _convolve(values, kernel):
    # OpenCV correlates, so the kernel is flipped.
    return cv2.filter2D(
        values, -1, kernel[::-1, ::-1], borderType=cv2.BORDER_REFLECT_101
    )
