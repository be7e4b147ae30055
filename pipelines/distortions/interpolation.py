"""Real algorithms: frame interpolation, of a synthetic motion or of a video.

`INTERPOLATORS` compute the middle frame from the frames before and after it,
all uint8 RGB `(height, width, 3)`. Each has a distortion that takes a patch, a
strength in [0, 1] and a generator: the patch is the middle frame, and the
others are the patch moved along a smooth random field, half of it backwards and
half forwards.
"""

import cv2
import numpy as np

from pipelines.distortions.distortion import to_uint8
from pipelines.distortions.spatial import remap, warp_field

# Motion between the outer frames, as a fraction of the shorter side.
MAX_MOTION = 1 / 8


def blend(before, after):
    """Returns the mean of the two frames."""
    return to_uint8((before.astype(np.float32) + after) / 2)


def farneback(before, after):
    """Moves both frames half way along the flow of Farnebäck (2003)."""

    def flow(first, second):
        return cv2.calcOpticalFlowFarneback(
            first,
            second,
            None,
            pyr_scale=0.5,
            levels=3,
            winsize=15,
            iterations=3,
            poly_n=5,
            poly_sigma=1.2,
            flags=0,
        )

    return _along_flow(before, after, flow)


def dis(before, after):
    """Moves both frames half way along the flow of DIS.

    Kroeger et al., "Fast optical flow using dense inverse search", 2016.
    """
    algorithm = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    # Patches of 64 pixels need the finest scale.
    algorithm.setFinestScale(0)

    def flow(first, second):
        return algorithm.calc(first, second, None)

    return _along_flow(before, after, flow)


INTERPOLATORS = {
    "blended_frames": blend,
    "farneback_frames": farneback,
    "dis_frames": dis,
}


def blended_frames(image, strength, generator):
    """Applies `blend` to a synthetic motion."""
    return blend(*_outer_frames(image, strength, generator))


def farneback_frames(image, strength, generator):
    """Applies `farneback` to a synthetic motion."""
    return farneback(*_outer_frames(image, strength, generator))


def dis_frames(image, strength, generator):
    """Applies `dis` to a synthetic motion."""
    return dis(*_outer_frames(image, strength, generator))


def _outer_frames(image, strength, generator):
    shape = image.shape[:2]
    whole = MAX_MOTION * strength * min(shape)
    # A common motion of the whole patch, and local motions.
    angle = generator.uniform(0, 2 * np.pi)
    common = np.array([np.sin(angle), np.cos(angle)])[:, None, None]
    motion = whole / 2 * (common + warp_field(shape, 1.0, 3, generator))
    grid = np.indices(shape)
    return [remap(image, *(grid + sign * motion / 2)) for sign in (-1, 1)]


def _along_flow(before, after, flow):
    grays = [cv2.cvtColor(x, cv2.COLOR_RGB2GRAY) for x in (before, after)]
    forwards, backwards = flow(*grays), flow(*grays[::-1])
    rows, columns = np.indices(before.shape[:2])
    middle = [
        remap(
            frame,
            rows - step[..., 1] / 2,
            columns - step[..., 0] / 2,
        ).astype(np.float32)
        for frame, step in ((before, forwards), (after, backwards))
    ]
    return to_uint8(sum(middle) / 2)
