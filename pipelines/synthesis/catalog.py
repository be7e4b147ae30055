"""The types to draw from, by subset; workers rebuild it from names."""

import functools
from dataclasses import dataclass

from pipelines.distortions.algorithms import ALGORITHMS
from pipelines.distortions.custom import named_algorithm
from pipelines.distortions.distortion import Distortion
from pipelines.distortions.traditional import SEQUENCES, SINGLE
from pipelines.rng import generator_of
from tfds_bapps.source.errors import PreparationError

FAMILIES = ("traditional", "cnn", "algorithms")


@dataclass(frozen=True)
class Catalog:
    """What can be drawn.

    Attributes:
        families: among `FAMILIES`.
        bank: folder of trained networks: the family "cnn", and those among
            the algorithms.
        own_algorithms: functions, "package.module:function", which make the
            subset "own" of the family "algorithms".
        sequence_share: of the draws from "traditional", how many are ordered
            pairs of types.
    """

    families: tuple[str, ...]
    bank: str = ""
    own_algorithms: tuple[str, ...] = ()
    sequence_share: float = 0.5

    def subset_of(self, digest: str, index: int) -> str:
        """The subset of a photograph's triplet.

        Families take turns, and in a family its subsets, so that each gets
        its share of any number of triplets.
        """
        subsets = _subsets(self)
        turn = int(digest[:8], 16) + index
        family = self.families[turn % len(self.families)]
        names = subsets[family]
        return names[turn // len(self.families) % len(names)]

    def subsets(self) -> list[str]:
        """All subsets."""
        return [name for names in _subsets(self).values() for name in names]

    def kinds(self) -> list[Distortion]:
        """All types, without the ordered pairs."""
        return [kind for kinds in _kinds(self).values() for kind in kinds]

    def draw(self, subset: str, generator) -> Distortion:
        """Draws a type of a subset."""
        kinds = _kinds(self)[subset]
        if subset == "traditional" and (
            generator.random() < self.sequence_share
        ):
            kinds = SEQUENCES
        return kinds[generator.integers(len(kinds))]

    def draw_two(self, subset: str, *key) -> tuple[Distortion, Distortion]:
        """Draws two different types of a subset."""
        generator = generator_of(*key)
        first = self.draw(subset, generator)
        while (second := self.draw(subset, generator)) == first:
            if len(_kinds(self)[subset]) < 2:
                return first, first
        return first, second


@functools.cache
def _kinds(catalog) -> dict[str, tuple[Distortion, ...]]:
    """Types by subset; networks are loaded once in each process."""
    trained = ()
    if catalog.bank:
        # Keras is loaded only where networks are used.
        from pipelines.networks.model_bank import load_bank

        trained = load_bank(catalog.bank)
    kinds = {}
    for family in catalog.families:
        if family == "traditional":
            kinds["traditional"] = SINGLE
        elif family == "cnn":
            kinds["cnn"] = tuple(x for x in trained if x.group == "cnn")
        else:
            more = [x for x in trained if x.group != "cnn"]
            for kind in (*ALGORITHMS, *more):
                kinds[kind.group] = (*kinds.get(kind.group, ()), kind)
    own = tuple(map(named_algorithm, catalog.own_algorithms))
    if own:
        kinds["own"] = own
    return kinds


@functools.cache
def _subsets(catalog) -> dict[str, list[str]]:
    """Names of the subsets of each family."""
    groups = list(dict.fromkeys(kind.group for kind in ALGORITHMS))
    subsets = {
        "traditional": ["traditional"],
        "cnn": ["cnn"],
        "algorithms": groups + ["own"] * bool(catalog.own_algorithms),
    }
    return {family: subsets[family] for family in catalog.families}


def checked(catalog: Catalog) -> Catalog:
    """Returns the catalog if everything that it names is there.

    Raises:
        PreparationError: a name is unknown, or what it needs is not given.
    """
    unknown = sorted(set(catalog.families) - set(FAMILIES))
    if unknown or not catalog.families:
        raise PreparationError(
            f"--families must be among {', '.join(FAMILIES)}. "
            f"Received: {', '.join(unknown)}"
        )
    if "cnn" in catalog.families and not catalog.bank:
        raise PreparationError(
            "--families cnn needs --bank; make one with "
            "python -m pipelines.train_networks."
        )
    if catalog.bank and set(catalog.families) == {"traditional"}:
        raise PreparationError("--bank needs --families cnn or algorithms.")
    if catalog.own_algorithms and "algorithms" not in catalog.families:
        raise PreparationError("--algorithm needs --families algorithms.")
    if not 0 <= catalog.sequence_share <= 1:
        raise PreparationError("--sequence-share must be in [0, 1].")
    try:
        _kinds(catalog)
    except ValueError as error:
        raise PreparationError(str(error)) from None
    return catalog
