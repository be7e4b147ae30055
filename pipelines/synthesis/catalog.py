"""Draws distortion types from the selected families."""

import functools
from collections.abc import Sequence

from keras_lpips_cli.errors import UserError
from pipelines.distortions.distortion import Distortion
from pipelines.distortions.registry import (
    ALGORITHMS,
    SEQUENCES,
    TYPES,
    find_algorithm,
)
from pipelines.rng import make_rng
from pipelines.synthesis.config import SynthesisConfig


class Catalog:
    """The distortion types of the selected families, by subset.

    Args:
        families: among "traditional", "cnn" and "algorithms".
        bank: folder of trained networks: the family "cnn", and those among
            the algorithms. Defaults to none.
        algorithms: names of functions, "package.module:function", which make
            the subset "own" of the family "algorithms".

    Raises:
        UserError: a name, or the bank, cannot be used.
    """

    def __init__(
        self,
        families: tuple[str, ...],
        bank: str = "",
        algorithms: tuple[str, ...] = (),
    ):
        networks: tuple[Distortion, ...] = ()
        if bank:
            # Keras is imported only where networks are used.
            from pipelines.networks.model_bank import load_bank

            networks = load_bank(bank)
        own = [find_algorithm(name) for name in algorithms]
        by_family = {
            "traditional": TYPES,
            "cnn": [x for x in networks if x.group == "cnn"],
            "algorithms": [
                *ALGORITHMS,
                *(x for x in networks if x.group != "cnn"),
                *own,
            ],
        }
        self._types: dict[str, list[Distortion]] = {}
        self._subsets = []
        for family in families:
            # Each group of algorithms is a subset; other families are one.
            names = []
            for kind in by_family[family]:
                name = kind.group if family == "algorithms" else family
                self._types.setdefault(name, []).append(kind)
                names.append(name)
            if not names:
                raise UserError(f"{bank} holds no networks of the family cnn.")
            self._subsets.append(list(dict.fromkeys(names)))

    @property
    def types(self) -> list[Distortion]:
        """All types, without the ordered pairs."""
        return [kind for kinds in self._types.values() for kind in kinds]

    def find_subset(self, digest: str, index: int) -> str:
        """Returns the subset of a photograph's triplet.

        Families alternate, and so do the subsets of a family, so that all have
        about equal numbers of triplets.
        """
        turn = int(digest[:8], 16) + index
        count = len(self._subsets)
        names = self._subsets[turn % count]
        return names[turn // count % len(names)]

    def draw(self, subset: str, sequence_share: float, generator) -> Distortion:
        """Draws a type of a subset.

        Args:
            subset: its name.
            sequence_share: the share of ordered pairs among the draws from
                "traditional".
            generator: source of the randomness.
        """
        kinds: Sequence[Distortion] = self._types[subset]
        if subset == "traditional" and generator.random() < sequence_share:
            kinds = SEQUENCES
        return kinds[generator.integers(len(kinds))]

    def draw_two(
        self, subset: str, sequence_share: float, *key
    ) -> tuple[Distortion, Distortion]:
        """Draws two different types of a subset, or its only type twice.

        Args:
            subset: its name.
            sequence_share: see `draw`.
            *key: see `make_rng`.
        """
        generator = make_rng(*key)
        first = self.draw(subset, sequence_share, generator)
        while True:
            second = self.draw(subset, sequence_share, generator)
            if second != first:
                return first, second
            if len(self._types[subset]) < 2:
                return first, first


@functools.lru_cache(maxsize=8)
def load_catalog(config: SynthesisConfig) -> Catalog:
    """Returns the catalog of a config, loaded once in each process."""
    return Catalog(config.families, config.bank, config.algorithm)
