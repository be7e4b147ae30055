"""Draws the parameters of triplets and renders their patches."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pipelines.distortions.distortion import Distortion
from pipelines.rng import make_rng
from pipelines.synthesis.catalog import load_catalog
from pipelines.synthesis.config import SynthesisConfig

# At weaker strengths most types change no pixel.
MIN_STRENGTH, MAX_STRENGTH = 0.05, 1.0
# The least difference of two strengths of one type, so that one is stronger.
MIN_STRENGTH_GAP = 0.1
# "Barely visible", chosen by eye on the contact sheet.
MAX_JND_STRENGTH = 0.12


@dataclass(frozen=True)
class Triplet:
    """The parameters of a triplet.

    Attributes:
        digest: digest of its photograph.
        index: number among the photograph's triplets.
        subset: the subset that its types belong to.
        kinds: the types of p0 and p1; for JND that of p1 alone.
        strengths: the strengths of the types.
        config: the flags it was drawn with.
    """

    digest: str
    index: int
    subset: str
    kinds: tuple[Distortion, ...]
    strengths: tuple[float, ...]
    config: SynthesisConfig

    @property
    def id(self) -> str:
        """A name that is unique in the dataset."""
        return f"{self.digest[:16]}_{self.index:07}"

    @property
    def of_one_type(self) -> bool:
        """Whether p0 and p1 differ in strength alone."""
        return len(self.kinds) == 2 and self.kinds[0] == self.kinds[1]

    def render(self, photograph: np.ndarray) -> tuple[np.ndarray, ...]:
        """Cuts the reference patch and distorts it.

        Args:
            photograph: uint8 RGB, `(height, width, 3)`.

        Returns:
            The reference and the distorted patches, uint8 RGB
            `(size, size, 3)` each.
        """
        key = (self.config.seed, self.digest, self.index)
        size = self.config.size
        place = make_rng(*key, "place")
        top, left = (
            place.integers(side - size + 1) for side in photograph.shape[:2]
        )
        reference = photograph[top : top + size, left : left + size]
        reference = np.ascontiguousarray(reference)
        distorted = []
        roles = ("p0", "p1")[: len(self.kinds)]
        for role, kind, strength in zip(
            roles, self.kinds, self.strengths, strict=True
        ):
            # Two patches of one type differ in strength alone: they share the
            # noise and the direction.
            purpose = "both" if self.of_one_type else role
            generator = make_rng(*key, purpose)
            distorted.append(kind(reference, strength, generator))
        return (reference, *distorted)


def draw_triplet(digest: str, index: int, config: SynthesisConfig) -> Triplet:
    """Draws the types and strengths of a photograph's triplet."""
    key = (config.seed, digest, index)
    catalog = load_catalog(config)
    subset = catalog.find_subset(digest, index)
    first, second = catalog.draw_two(
        subset, config.sequence_share, *key, "types"
    )
    generator = make_rng(*key, "strengths")
    kinds: tuple[Distortion, ...] = (first, second)
    strengths: Sequence[float]
    if config.task == "jnd":
        kinds = (first,)
        strengths = [generator.uniform(0, MAX_JND_STRENGTH)]
    elif generator.random() < config.one_type_share or first == second:
        kinds = (first, first)
        weak = generator.uniform(MIN_STRENGTH, MAX_STRENGTH - MIN_STRENGTH_GAP)
        strong = generator.uniform(weak + MIN_STRENGTH_GAP, MAX_STRENGTH)
        strengths = list(generator.permutation([weak, strong]))
    else:
        strengths = list(generator.uniform(MIN_STRENGTH, MAX_STRENGTH, 2))
    return Triplet(
        digest, index, subset, kinds, tuple(map(float, strengths)), config
    )
