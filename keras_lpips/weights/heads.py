"""Weights fitted to human judgements, shipped with the package."""

from importlib import resources

from keras_lpips.backbones.registry import find_backbone
from keras_lpips.weights.npz import (
    WeightsError,
    check_keys,
    content_digest,
    read_npz,
)

FOLDER = resources.files("keras_lpips") / "weights" / "data"


def read_heads(net: str, version: str) -> dict:
    """Returns a set of heads.

    Args:
        net: "alex", "vgg" or "squeeze".
        version: "0.1", "0.0" or "st".

    Returns:
        float32 arrays `(channels,)`, at least 0, by `<tap>/kernel`.

    Raises:
        WeightsError: if none are published, or if the file in the package is
            damaged.
    """
    backbone = find_backbone(net, version)
    shapes = {
        f"{tap}/kernel": (channels,)
        for tap, channels in zip(
            backbone.taps, backbone.tap_channels, strict=True
        )
    }
    return _read_shipped(f"v{version}", net, version, shapes)


def read_dists_weights() -> dict:
    """Returns the weights of DISTS as published, which add up to nearly 1.

    Returns:
        float32 arrays `(1475,)`, at least 0: "alpha" of texture and "beta" of
        structure, for the image's channels and those of each tap.

    Raises:
        WeightsError: if the file in the package is damaged.
    """
    channels = 3 + sum(find_backbone("vgg", "dists").tap_channels)
    shapes = dict.fromkeys(("alpha", "beta"), (channels,))
    return _read_shipped("dists", "vgg", "dists", shapes)


def _read_shipped(folder, net, version, shapes):
    expected = heads_digest(net, version)
    with resources.as_file(FOLDER / folder / f"{net}.npz") as path:
        arrays = read_npz(path)
    what = f"the file of the heads of {net!r}, version {version},"
    check_keys(arrays, shapes, what)
    if content_digest(arrays) != expected:
        raise WeightsError(f"{what} is damaged: reinstall keras-lpips")
    return arrays


def heads_digest(net: str, version: str) -> str:
    """Returns the sha256 of a set of heads; see `content_digest`."""
    heads = find_backbone(net, version).heads
    if version not in heads:
        raise WeightsError(
            f"No heads of version {version} are published for {net!r}: pass "
            "`calibrated=False`, or `head_weights='random'` to train them"
        )
    return heads[version]
