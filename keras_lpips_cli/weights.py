"""`keras-lpips weights`: the backbones' weights in the cache."""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, get_args

from tyro.conf import OmitSubcommandPrefixes, Positional, subcommand

from keras_lpips_cli.options import Net

NETS = get_args(Net)


@dataclass(frozen=True)
class FetchConfig:
    """Downloads the backbones that are not in the cache."""

    nets: Positional[tuple[Net, ...]] = ()
    """The backbones. Without any, all."""


@dataclass(frozen=True)
class VerifyConfig:
    """Checks the digests of backbones and linear heads."""

    nets: Positional[tuple[Net, ...]] = ()
    """The backbones. Without any, all."""


@dataclass(frozen=True)
class ImportConfig:
    """Imports a file of weights into the cache."""

    net: Positional[Net]
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

        print(f"{action.net}: {import_backbone(action.net, action.file)}")
        return 0
    return _for_each(NETS, _find)


def _fetch(net):
    from keras_lpips.weights.presets import backbone_path, fetch_backbone

    fetch_backbone(net)
    return backbone_path(net)


def _verify(net):
    from keras_lpips.backbones.registry import find_backbone
    from keras_lpips.weights.heads import read_heads
    from keras_lpips.weights.npz import WeightsError
    from keras_lpips.weights.presets import backbone_path, cached_backbone

    for version in find_backbone(net).heads:
        read_heads(net, version)
    if cached_backbone(net) is None:
        raise WeightsError(f"{backbone_path(net)} does not exist")
    return f"{backbone_path(net)} and both heads are valid"


def _find(net):
    from keras_lpips.weights.presets import backbone_path

    path = backbone_path(net)
    return path if path.exists() else f"{path} (does not exist)"


def _for_each(nets: Sequence[str], action: Callable[[str], object]) -> int:
    from keras_lpips.weights.npz import WeightsError

    status = 0
    for net in nets or NETS:
        try:
            print(f"{net}: {action(net)}")
        except WeightsError as error:
            print(f"keras-lpips: {net}: {error}", file=sys.stderr)
            status = 1
    return status
