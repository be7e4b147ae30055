"""The paper's traditional distortions: 20 types, and 308 ordered pairs.

The paper says that pairs are composed "sequentially" and that there are 308,
not which. Of the 20 * 19 = 380 ordered pairs of different types, leaving out
the 6 * 5 = 30 of two noises and the 7 * 6 = 42 of two spatial ones, which
look like one of them, leaves exactly 308: these are composed here. That they
are the authors' own is a conjecture.
"""

from itertools import permutations

from pipelines.distortions import (
    blur,
    compression,
    noise,
    photometric,
    spatial,
)
from pipelines.distortions.distortion import Distortion, sequence

_GROUPS = {
    "photometric": (
        photometric.lightness_shift,
        photometric.color_shift,
        photometric.contrast,
        photometric.saturation,
    ),
    "noise": (
        noise.uniform_white_noise,
        noise.gaussian_white_noise,
        noise.pink_noise,
        noise.blue_noise,
        noise.colored_noise,
        noise.checkerboard,
    ),
    "blur": (blur.gaussian_blur, blur.bilateral_filter),
    "spatial": (
        spatial.shift,
        spatial.affine,
        spatial.homography,
        spatial.linear_warp,
        spatial.cubic_warp,
        spatial.ghosting,
        spatial.chromatic_aberration,
    ),
    "compression": (compression.jpeg,),
}
_NEVER_TWICE = ("noise", "spatial")

SINGLE = tuple(
    Distortion(function.__name__, group, function)
    for group, functions in _GROUPS.items()
    for function in functions
)
SEQUENCES = tuple(
    sequence(first, second)
    for first, second in permutations(SINGLE, 2)
    if not (first.group == second.group and first.group in _NEVER_TWICE)
)
TRADITIONAL = {kind.name: kind for kind in SINGLE + SEQUENCES}
