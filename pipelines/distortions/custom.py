"""A distortion of the user's own, from its name."""

import importlib

from pipelines.distortions.distortion import Distortion


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
