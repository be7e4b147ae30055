"""LPIPS compared at any layers of a net, not only at the paper's taps."""

from keras_lpips.backbones.registry import build_backbone, find_backbone
from keras_lpips.backbones.stages import set_backbone_weights
from keras_lpips.layers.lpips import LPIPS
from keras_lpips.weights.presets import fetch_backbone

VALUE_RANGE = (0, 255)


def tapped_layer(
    net, taps=None, *, backbone_weights="imagenet", seed=None, dtype, **settings
) -> LPIPS:
    """Returns a layer with any taps, by default of `value_range=(0, 255)`.

    Args:
        net: "alex", "vgg" or "squeeze".
        taps: names of layers of the net, such as "conv1_1". Those that are
            none of its own taps have no published heads. Defaults to `None`,
            the net's own.
        backbone_weights: "imagenet" or "random". Defaults to "imagenet".
        seed: seed of random weights. Defaults to `None`.
        dtype: dtype or dtype policy.
        **settings: further arguments of `LPIPS`.

    Raises:
        ValueError: if a tap is no layer of the net, or has no head where
            published heads are asked for.
    """
    settings = {"value_range": VALUE_RANGE, **settings}
    settings |= {"seed": seed, "dtype": dtype}
    if taps is None or set(taps) <= set(find_backbone(net).taps):
        return LPIPS(
            net, taps=taps, backbone_weights=backbone_weights, **settings
        )
    backbone = build_backbone(net, dtype, seed)
    if backbone_weights == "imagenet":
        set_backbone_weights(backbone, fetch_backbone(net))
    return LPIPS(backbone, taps=taps, **settings)
