"""`keras-lpips weights`: the backbones' weights in the cache."""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, get_args

from tyro.conf import OmitSubcommandPrefixes, Positional, subcommand

from keras_lpips_cli.options import Net

# Backbones: a net, and @VERSION where that version of LPIPS has its own.
Name = Literal[Net, "alex@st", "vgg@st"]
NAMES = get_args(Name)


@dataclass(frozen=True)
class FetchConfig:
    """Downloads the backbones that are not in the cache."""

    nets: Positional[tuple[Name, ...]] = ()
    """The backbones. Without any, all."""


@dataclass(frozen=True)
class VerifyConfig:
    """Checks the digests of backbones and linear heads."""

    nets: Positional[tuple[Name, ...]] = ()
    """The backbones. Without any, all."""


@dataclass(frozen=True)
class ImportConfig:
    """Imports a file of weights into the cache."""

    net: Positional[Name]
    """The backbone."""
    file: Positional[Path]
    """The file of its weights."""


@dataclass(frozen=True)
class WhereConfig:
    """Prints where each backbone is, or would be."""


Action = (
    Annotated[FetchConfig, subcommand("fetch")]
    | Annotated[VerifyConfig, subcommand("verify")]
    | Annotated[ImportConfig, subcommand("import")]
    | Annotated[WhereConfig, subcommand("where")]
)


@dataclass(frozen=True)
class WeightsConfig:
    """Downloads, imports, verifies or finds the weights of backbones."""

    action: OmitSubcommandPrefixes[Action]


def manage_weights(config: WeightsConfig) -> int:
    """Runs the action; returns 1 if it failed for a backbone, else 0."""
    action = config.action
    if isinstance(action, FetchConfig):
        return _for_each(action.nets, _fetch)
    if isinstance(action, VerifyConfig):
        return _for_each(action.nets, _verify)
    if isinstance(action, ImportConfig):
        from keras_lpips.weights.presets import import_backbone

        net, version = _parse(action.net)
        print(f"{action.net}: {import_backbone(net, action.file, version)}")
        return 0
    return _for_each(NAMES, _find)


def _parse(name):
    net, at, version = name.partition("@")
    return net, version if at else "0.1"


def _fetch(name):
    from keras_lpips.weights.presets import backbone_path, fetch_backbone

    fetch_backbone(*_parse(name))
    return backbone_path(*_parse(name))


def _verify(name):
    from keras_lpips.backbones.registry import find_backbone
    from keras_lpips.weights.heads import read_heads
    from keras_lpips.weights.npz import WeightsError
    from keras_lpips.weights.presets import backbone_path, cached_backbone

    net, version = _parse(name)
    versions = find_backbone(net, version).heads
    for each in versions:
        read_heads(net, each)
    path = backbone_path(net, version)
    if cached_backbone(net, version) is None:
        raise WeightsError(f"{path} does not exist")
    return f"{path} and heads of version {', '.join(versions)} are valid"


def _find(name):
    from keras_lpips.weights.presets import backbone_path

    path = backbone_path(*_parse(name))
    return path if path.exists() else f"{path} (does not exist)"


def _for_each(names: Sequence[str], action: Callable[[str], object]) -> int:
    from keras_lpips.weights.npz import WeightsError

    status = 0
    for name in names or NAMES:
        try:
            print(f"{name}: {action(name)}")
        except WeightsError as error:
            print(f"keras-lpips: {name}: {error}", file=sys.stderr)
            status = 1
    return status
