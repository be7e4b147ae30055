"""The heads that people's judgements taught; they ship with the package."""

from importlib import resources

from keras_lpips.backbones.registry import find_backbone
from keras_lpips.weights.npz import (
    WeightsError,
    check_keys,
    content_digest,
    read_npz,
)

# `content_digest` of each set, converted from lpips 0.1.4.
DIGESTS = {
    ("alex", "0.0"): (
        "a9a6b21169dd50a9509247e49dac1b73412442ccbbf0f64d5376b50274e70455"
    ),
    ("vgg", "0.0"): (
        "26100e5b0dba45353438b84965364705318ede025c6c90ce4b8fbd6de6b65abc"
    ),
    ("squeeze", "0.0"): (
        "f16052ef7c7df6abb6f7c6dacd41fff4dc97992c6830986d8656400f7a05c022"
    ),
    ("alex", "0.1"): (
        "ba76b49c9de4dc50440660a65df40510a395581a7968cc64a6a5bece60cc8e43"
    ),
    ("vgg", "0.1"): (
        "3bf5e6e14cedd0abc2b6715eedd69f2a7ce1655413afc9ed385a35fce2c841c5"
    ),
    ("squeeze", "0.1"): (
        "ac76cb564fdc25ebf7fd1f9a3ebeb4e4ee8578927b33fc8bea4870f39d1bd6fa"
    ),
}
FOLDER = resources.files("keras_lpips") / "weights" / "data"


def read_heads(net: str, version: str) -> dict:
    """Returns a set of heads.

    Args:
        net: "alex", "vgg" or "squeeze".
        version: "0.1" or "0.0".

    Returns:
        float32 arrays `(channels,)`, at least 0, by `<tap>/kernel`.

    Raises:
        WeightsError: if the file in the package is damaged.
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
    what = f"the file of the heads of {net!r}, version {version},"
    check_keys(arrays, shapes, what)
    if content_digest(arrays) != DIGESTS[net, version]:
        raise WeightsError(f"{what} is damaged: install keras-lpips anew")
    return arrays


def heads_digest(net: str, version: str) -> str:
    """Returns the sha256 of a set of heads; see `content_digest`."""
    return DIGESTS[net, version]
