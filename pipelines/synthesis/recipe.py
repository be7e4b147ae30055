"""How one triplet is made: where it is cut, and what is done to it."""

from dataclasses import dataclass

import numpy as np

from pipelines.distortions.distortion import Distortion
from pipelines.rng import generator_of
from pipelines.synthesis.catalog import Catalog

# Weaker than this, most types change no pixel.
MIN_STRENGTH, MAX_STRENGTH = 0.05, 1.0
# Two strengths of one type differ by this at least, so that one is stronger.
MIN_STRENGTH_GAP = 0.1
# "Barely visible"; by eye on the contact sheet.
MAX_JND_STRENGTH = 0.12


@dataclass(frozen=True)
class Style:
    """What kind of triplets are made.

    Attributes:
        task: "2afc" or "jnd".
        same_type_share: how many of the triplets compare two strengths of
            one type; the others compare two types.
        size: height and width of the patches in pixels.
        seed: of everything.
    """

    task: str
    same_type_share: float
    size: int
    seed: int


@dataclass(frozen=True)
class Recipe:
    """Everything about a triplet but its pixels.

    Attributes:
        digest: of its photograph.
        index: which of the photograph's triplets it is.
        subset: what its types belong to.
        kinds: the types of p0 and p1; for JND that of p1 alone.
        strengths: theirs.
        style: what it was drawn for.
    """

    digest: str
    index: int
    subset: str
    kinds: tuple[Distortion, ...]
    strengths: tuple[float, ...]
    style: Style

    @property
    def id(self) -> str:
        """Unique in the dataset: the photograph's digest, and the index."""
        return f"{self.digest[:16]}_{self.index:07}"

    @property
    def of_one_type(self) -> bool:
        """Whether p0 and p1 differ in strength alone."""
        return len(self.kinds) == 2 and self.kinds[0] == self.kinds[1]

    def render(self, photograph: np.ndarray) -> tuple[np.ndarray, ...]:
        """Cuts and distorts.

        Args:
            photograph: uint8 RGB, `(height, width, 3)`.

        Returns:
            The reference and the distorted patches, uint8 RGB
            `(size, size, 3)` each.
        """
        key = (self.style.seed, self.digest, self.index)
        size = self.style.size
        place = generator_of(*key, "place")
        top, left = (
            place.integers(side - size + 1) for side in photograph.shape[:2]
        )
        reference = photograph[top : top + size, left : left + size]
        reference = np.ascontiguousarray(reference)
        distorted = []
        for role, kind, strength in zip(
            ("p0", "p1"), self.kinds, self.strengths, strict=False
        ):
            # Of one type, p0 and p1 differ in strength alone: the same
            # noise, the same direction.
            purpose = "both" if self.of_one_type else role
            generator = generator_of(*key, purpose)
            distorted.append(kind(reference, strength, generator))
        return (reference, *distorted)


def draw_recipe(
    digest: str, index: int, catalog: Catalog, style: Style
) -> Recipe:
    """Draws the types and strengths of a photograph's triplet."""
    key = (style.seed, digest, index)
    subset = catalog.subset_of(digest, index)
    kinds = catalog.draw_two(subset, *key, "types")
    generator = generator_of(*key, "strengths")
    if style.task == "jnd":
        kinds = kinds[:1]
        strengths = [generator.uniform(0, MAX_JND_STRENGTH)]
    elif generator.random() < style.same_type_share or kinds[0] == kinds[1]:
        kinds = (kinds[0], kinds[0])
        weak = generator.uniform(MIN_STRENGTH, MAX_STRENGTH - MIN_STRENGTH_GAP)
        strong = generator.uniform(weak + MIN_STRENGTH_GAP, MAX_STRENGTH)
        strengths = generator.permutation([weak, strong])
    else:
        strengths = generator.uniform(MIN_STRENGTH, MAX_STRENGTH, 2)
    return Recipe(
        digest, index, subset, kinds, tuple(map(float, strengths)), style
    )
