"""The types of distortion, by family.

The traditional types are the paper's 20, and 308 ordered pairs of them. The
paper says that pairs are composed "sequentially" and that there are 308, not
which. Of the 20 * 19 = 380 ordered pairs of different types, without the
6 * 5 = 30 of two noises and the 7 * 6 = 42 of two spatial ones, which look like
a single one, leaves exactly 308, which are used here. That they are the
authors' own is a conjecture.

The paper's four families of real algorithms are represented by algorithms of
libraries. Their strength is the difficulty of the task: downsampling factor,
blur, motion, share of removed colors. At 0 the image is unchanged.

`PAPER_TYPES` and `PAPER_SEQUENCES` are the paper's; `TYPES`, `SEQUENCES` and
`ALGORITHMS` are in use. Add further traditional types to `_MORE_TYPES`.
"""

import importlib
from itertools import permutations

from keras_lpips_cli.errors import UserError
from pipelines.distortions import (
    blur_compression,
    colorization,
    deblurring,
    interpolation,
    noise,
    photometric,
    spatial,
    superresolution,
)
from pipelines.distortions.distortion import Distortion, Function, sequence


def _make_types(groups: dict[str, tuple[Function, ...]]):
    return tuple(
        Distortion(function.__name__, group, function)
        for group, functions in groups.items()
        for function in functions
    )


def make_sequences(types: tuple[Distortion, ...]) -> tuple[Distortion, ...]:
    """Returns ordered pairs of types, no two noises and no two spatial ones."""
    return tuple(
        sequence(first, second)
        for first, second in permutations(types, 2)
        if not (first.group == second.group and first.group in _NEVER_TWICE)
    )


_NEVER_TWICE = ("noise", "spatial")
PAPER_TYPES = _make_types(
    {
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
        "blur": (
            blur_compression.gaussian_blur,
            blur_compression.bilateral_filter,
        ),
        "spatial": (
            spatial.shift,
            spatial.affine,
            spatial.homography,
            spatial.linear_warp,
            spatial.cubic_warp,
            spatial.ghosting,
            spatial.chromatic_aberration,
        ),
        "compression": (blur_compression.jpeg,),
    }
)
PAPER_SEQUENCES = make_sequences(PAPER_TYPES)
_MORE_TYPES = _make_types({})

TYPES = PAPER_TYPES + _MORE_TYPES
SEQUENCES = make_sequences(TYPES)
ALGORITHMS = _make_types(
    {
        "superres": (
            superresolution.nearest,
            superresolution.bicubic,
            superresolution.lanczos,
            superresolution.back_projection,
        ),
        "deblur": (
            deblurring.wiener,
            deblurring.unsupervised_wiener,
            deblurring.richardson_lucy,
            deblurring.total_variation,
        ),
        "frameinterp": (
            interpolation.blended_frames,
            interpolation.farneback_frames,
            interpolation.dis_frames,
        ),
        "color": (colorization.propagated_color,),
    }
)


def find_algorithm(name: str) -> Distortion:
    """Returns a user's own function as a distortion of the group "own".

    Args:
        name: "package.module:function", where the function is
            `(uint8 RGB, strength, generator) -> uint8 RGB`.

    Raises:
        UserError: it cannot be imported.
    """
    module, _, function = name.partition(":")
    try:
        found = getattr(importlib.import_module(module), function)
    except (ImportError, AttributeError, ValueError) as error:
        raise UserError(
            "--algorithm must be package.module:function. "
            f"Received: {name!r} ({error})"
        ) from None
    return Distortion(function, "own", found)
