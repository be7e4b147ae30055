"""The registry of named backbones.

Each is the convolutional part of one of torchvision's networks as a Keras
functional graph, `channels_last`, for images of any height and width down to
the smallest that leaves every tap one pixel. A tap is the output of a named
layer, after its ReLU.

To add a backbone, describe it in a module of its own and list it here.
"""

import itertools
from collections.abc import Callable

import keras

from keras_lpips.backbones.alexnet import ALEXNET
from keras_lpips.backbones.backbone import Backbone, Stack
from keras_lpips.backbones.squeezenet import SQUEEZENET
from keras_lpips.backbones.vgg16 import VGG16
from keras_lpips.layers.initial_values import StoredInitializers
from keras_lpips.weights.npz import WeightsError

BACKBONES: dict[str, Backbone] = {
    backbone.name: backbone for backbone in (ALEXNET, VGG16, SQUEEZENET)
}


def find_backbone(net: str, version: str = "0.1") -> Backbone:
    """Returns the `Backbone` of a net.

    Args:
        net: name of a backbone.
        version: version of LPIPS: some have backbones of their own. Defaults
            to "0.1".

    Raises:
        ValueError: if there is no such net.
        WeightsError: a `ValueError`, if that version has backbones of its
            own, but none for this net.
    """
    if not isinstance(net, str) or net not in BACKBONES:
        raise ValueError(
            f"`net` must be one of {sorted(BACKBONES)}, or a `keras.Model`. "
            f"Received: net={net!r}"
        )
    having = [name for name in BACKBONES if version in BACKBONES[name].variants]
    if not having:
        return BACKBONES[net]
    if net not in having:
        raise WeightsError(
            f"Version {version!r} of LPIPS is published for "
            f"{' and '.join(map(repr, having))} only. Received: net={net!r}"
        )
    return BACKBONES[net].variants[version]


def build_backbone(
    net: str,
    dtype=None,
    seed: int | None = None,
    initializers: Callable | None = None,
    version: str = "0.1",
) -> keras.Model:
    """Builds a backbone.

    Args:
        net: name of a backbone.
        dtype: dtype or dtype policy of the layers. Defaults to the global
            policy.
        seed: seed of torchvision's random initialization. Defaults to
            `None`, a new one.
        initializers: function of `(layer, fan_in)` that returns the
            initializers of a convolution's kernel and bias. Defaults to
            torchvision's random initialization.
        version: version of LPIPS that the backbone belongs to. Defaults to
            "0.1".

    Returns:
        A functional model from scaled float RGB images `(batch, height,
        width, 3)` to the list of taps, each `(batch, h, w, channels)`.
    """
    backbone = find_backbone(net, version)
    if initializers is None:
        initializers = _random_initializers(backbone, seed)
    stack = Stack(initializers, dtype)
    backbone.build(stack)
    taps = [stack.outputs[name] for name in backbone.taps]
    return keras.Model(stack.image, taps, name=f"{backbone.name}_backbone")


def build_backbone_from_arrays(
    net: str, arrays, dtype=None, version: str = "0.1"
) -> keras.Model:
    """Builds a backbone whose initial weights are given.

    Args:
        net: name of a backbone.
        arrays: float32 arrays by `<layer>/<weight>`; `None` for NaN, until
            saved weights are loaded.
        dtype: dtype or dtype policy of the layers. Defaults to the global
            policy.
        version: see `build_backbone`. Defaults to "0.1".

    Returns:
        What `build_backbone` returns.
    """
    initializers = StoredInitializers(arrays)
    backbone = build_backbone(
        net, dtype, initializers=initializers, version=version
    )
    initializers.release(backbone)
    return backbone


def _random_initializers(backbone, seed):
    seeds = itertools.repeat(None) if seed is None else itertools.count(seed)
    return lambda layer, fan_in: backbone.initializers(fan_in, seeds.__next__)
