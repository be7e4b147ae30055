"""The paper's four families of real algorithms, with libraries' members.

A strength is how hard the task is: how small, how blurred, how fast, how few
colors. At 0 there is nothing to do.
"""

from pipelines.distortions import (
    colorization,
    deblurring,
    interpolation,
    superresolution,
)
from pipelines.distortions.distortion import Distortion

_GROUPS = {
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
ALGORITHMS = tuple(
    Distortion(function.__name__, group, function)
    for group, functions in _GROUPS.items()
    for function in functions
)
