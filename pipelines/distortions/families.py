"""The families of distortions, and the types in each."""

import importlib
from collections.abc import Sequence

from pipelines.distortions.algorithms import ALGORITHMS
from pipelines.distortions.distortion import Distortion
from pipelines.distortions.traditional import SEQUENCES, SINGLE

FAMILIES = {"traditional": SINGLE, "algorithms": ALGORITHMS}


def kinds_of(
    families: Sequence[str], sequences: bool = True
) -> list[Distortion]:
    """The types of the families named.

    Args:
        families: keys of `FAMILIES`.
        sequences: whether ordered pairs of traditional types are included.
    """
    kinds = [kind for family in families for kind in FAMILIES[family]]
    if sequences and "traditional" in families:
        kinds += SEQUENCES
    return kinds


def named_algorithm(name: str) -> Distortion:
    """A distortion of the user's own, in the group "own".

    Args:
        name: "package.module:function", where the function is
            `(uint8 RGB, strength, generator) -> uint8 RGB`.

    Raises:
        ValueError: there is no such function.
    """
    module, _, function = name.partition(":")
    try:
        found = getattr(importlib.import_module(module), function)
    except (ImportError, AttributeError, ValueError) as error:
        raise ValueError(
            "An algorithm must be named as package.module:function. "
            f"Received: {name!r} ({error})"
        ) from None
    return Distortion(function, "own", found)
