"""The heads that people's judgements taught; they ship with the package."""

from importlib import resources

from keras_lpips.backbones import find_backbone
from keras_lpips.weights.arrays import check_keys, content_digest, read_npz

FOLDER = resources.files("keras_lpips") / "heads"


def read_heads(net: str, version: str) -> dict:
    """Returns a set of heads.

    Args:
        net: "alex", "vgg" or "squeeze".
        version: "0.1" or "0.0".

    Returns:
        float32 arrays `(channels,)`, at least 0, by `<tap>/kernel`.
    """
    with resources.as_file(FOLDER / f"v{version}" / f"{net}.npz") as path:
        arrays = read_npz(path)
    backbone = find_backbone(net)
    shapes = {
        f"{tap}/kernel": (channels,)
        for tap, channels in zip(
            backbone.taps, backbone.tap_channels, strict=True
        )
    }
    check_keys(arrays, shapes, f"the heads of {net!r}, version {version}")
    return arrays


def heads_digest(net: str, version: str) -> str:
    """Returns the sha256 of a set of heads; see `content_digest`."""
    return content_digest(read_heads(net, version))
