"""Renders triplets from videos: two interpolations of a real frame.

The frame between frame t - n and frame t + n is interpolated, and compared
with the real frame t. The strength is n, as a share of `MAX_STEP`.
"""

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from pipelines.distortions.interpolation import INTERPOLATORS
from pipelines.distortions.registry import ALGORITHMS
from pipelines.image_io.survey import Photograph
from pipelines.image_io.videos import read_frames
from pipelines.rng import make_rng
from pipelines.synthesis.config import SynthesisConfig
from pipelines.synthesis.triplet import Triplet

SUBSET = "frameinterp"
# At 25 frames per second the outer frames are a third of a second apart.
MAX_STEP = 4
MIN_FRAMES = 2 * MAX_STEP + 1
_KINDS = tuple(kind for kind in ALGORITHMS if kind.name in INTERPOLATORS)


def draw_frames(digest: str, index: int, config: SynthesisConfig) -> Triplet:
    """Draws the algorithms and steps of a video's triplet."""
    generator = make_rng(config.seed, digest, index, "frames")
    if generator.random() < config.one_type_share:
        kinds = (_KINDS[generator.integers(len(_KINDS))],) * 2
        # Two steps of one type differ, so that one is stronger.
        steps = generator.permutation(MAX_STEP)[:2] + 1
    else:
        kinds = tuple(
            _KINDS[at] for at in generator.permutation(len(_KINDS))[:2]
        )
        steps = generator.integers(1, MAX_STEP + 1, 2)
    strengths = tuple(float(step / MAX_STEP) for step in steps)
    return Triplet(digest, index, SUBSET, kinds, strengths, config)


def render_frames(
    video: Photograph, triplets: Sequence[Triplet]
) -> list[tuple[np.ndarray, ...]]:
    """Renders triplets of a video, which is decoded once.

    Args:
        video: the video that they are cut from.
        triplets: drawn for it by `draw_frames`.

    Returns:
        The real frame and the two interpolated ones of each triplet, uint8
        RGB `(size, size, 3)` each.
    """
    wanted = [_Crops(triplet, video.frames) for triplet in triplets]
    by_number = defaultdict(list)
    for each in wanted:
        for number in each.numbers:
            by_number[number].append(each)
    last = max(by_number)
    for number, frame in enumerate(read_frames(video.path)):
        for each in by_number[number]:
            each.crop(number, frame)
        if number == last:
            break
    return [each.render() for each in wanted]


class _Crops:
    """The crops that one triplet needs."""

    def __init__(self, triplet, frames):
        self._triplet = triplet
        self._steps = [round(x * MAX_STEP) for x in triplet.strengths]
        generator = make_rng(
            triplet.config.seed, triplet.digest, triplet.index, "place"
        )
        self._middle = int(generator.integers(MAX_STEP, frames - MAX_STEP))
        self._place = generator.random(2)
        self._crops = {}

    @property
    def numbers(self):
        """The numbers of the frames."""
        steps = (0, *self._steps, *(-step for step in self._steps))
        return {self._middle + step for step in steps}

    def crop(self, number, frame):
        """Cuts the triplet's part from a frame."""
        size = self._triplet.config.size
        top, left = (
            int(share * (side - size + 1))
            for share, side in zip(self._place, frame.shape[:2], strict=True)
        )
        # A view would keep the whole frame.
        self._crops[number] = frame[top : top + size, left : left + size].copy()

    def render(self):
        """Returns the real frame and its interpolations."""
        interpolated = [
            INTERPOLATORS[kind.name](
                self._crops[self._middle - step],
                self._crops[self._middle + step],
            )
            for kind, step in zip(self._triplet.kinds, self._steps, strict=True)
        ]
        return (self._crops[self._middle], *interpolated)
