"""Builds LPIPS with any layers of a net as taps."""

from collections.abc import Sequence

from keras_lpips.backbones.registry import find_backbone
from keras_lpips.backbones.stages import load_named_backbone
from keras_lpips.layers.lpips import LPIPS
from keras_lpips.weights.npz import WeightsError
from keras_lpips_cli.errors import UserError

VALUE_RANGE = (0, 255)


class TapsError(UserError):
    """The layers to compare do not exist, or have no heads."""


def build_lpips(
    net: str,
    taps: Sequence[str] | None = None,
    *,
    version: str = "0.1",
    backbone_weights: str = "imagenet",
    seed: int | None = None,
    dtype,
    **settings,
) -> LPIPS:
    """Returns an LPIPS layer with any taps.

    Args:
        net: name of the backbone.
        taps: names of layers of the net, such as "conv1_1". Layers that are
            not taps of the net have no published heads. Defaults to `None`,
            the net's own taps.
        version: version of LPIPS. Defaults to "0.1".
        backbone_weights: "imagenet" or "random". Defaults to "imagenet".
        seed: seed of random weights. Defaults to `None`.
        dtype: dtype or dtype policy.
        **settings: further arguments of `LPIPS`; `value_range` defaults to
            `(0, 255)`.

    Raises:
        TapsError: if a tap is not a layer of the net, or has no head where
            published heads are requested.
    """
    settings = {"value_range": VALUE_RANGE, **settings}
    settings |= {"seed": seed, "dtype": dtype}
    taps = list(taps) if taps else None
    if taps is None or set(taps) <= set(find_backbone(net, version).taps):
        return LPIPS(
            net,
            version,
            taps=taps,
            backbone_weights=backbone_weights,
            **settings,
        )
    backbone, _ = load_named_backbone(
        net, version, dtype, backbone_weights, seed
    )
    if find_backbone(net, version) is find_backbone(net):
        # Else the backbone is all that the version changes.
        settings["version"] = version
    try:
        return LPIPS(backbone, taps=taps, **settings)
    except WeightsError:
        raise
    except ValueError as error:
        raise TapsError(str(error)) from None
