"""The three backbones of the paper as Keras functional graphs with named taps.

Each graph is the convolutional part of torchvision's AlexNet, VGG16 or
SqueezeNet 1.1, `channels_last`, for images of any height and width down to
the smallest that leaves every tap one pixel. A tap is the output of a named
layer, after its ReLU.
"""

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass

import keras
from keras import layers

from keras_lpips.layers.ceil_pooling import CeilMaxPooling2D

CHANNELS_LAST = {"data_format": "channels_last"}


@dataclass(frozen=True)
class Backbone:
    """What is known of a backbone before it is built.

    Attributes:
        taps: names of the layers whose outputs are compared, in order.
        tap_channels: channels of each tap.
        smallest_size: smallest image height and width, in pixels.
        convolutions: our convolution names, each with torchvision's name for
            the same weights.
        build: function of `(stack)` that adds the layers.
    """

    taps: tuple[str, ...]
    tap_channels: tuple[int, ...]
    smallest_size: int
    convolutions: dict[str, str]
    build: Callable


def build_backbone(
    net: str, dtype=None, seed: int | None = None
) -> keras.Model:
    """Builds a backbone with torchvision's random initialisation.

    Args:
        net: one of "alex", "vgg" and "squeeze".
        dtype: dtype or dtype policy of the layers. Defaults to the global
            policy.
        seed: seed of the initial weights. Defaults to `None`, a new one.

    Returns:
        A functional model from scaled float RGB images `(batch, height,
        width, 3)` to the list of taps, each `(batch, h, w, channels)`.
    """
    backbone = find_backbone(net)
    stack = _Stack(_INITIALIZERS[net], dtype, seed)
    backbone.build(stack)
    taps = [stack.outputs[name] for name in backbone.taps]
    return keras.Model(stack.image, taps, name=f"{net}_backbone")


def find_backbone(net: str) -> Backbone:
    """Returns the `Backbone` called `net`; raises `ValueError` otherwise."""
    if not isinstance(net, str) or net not in BACKBONES:
        raise ValueError(
            f"`net` must be one of {sorted(BACKBONES)}, or a `keras.Model`. "
            f"Received: net={net!r}"
        )
    return BACKBONES[net]


class _Stack:
    """Adds layers one after another and keeps each output by its name."""

    def __init__(self, initializers, dtype, seed):
        policy = keras.dtype_policies.get(dtype or keras.config.dtype_policy())
        self.image = keras.Input(
            (None, None, 3), name="image", dtype=policy.compute_dtype
        )
        self.outputs = {}
        self._last = self.image
        self._initializers = initializers
        self._dtype = policy
        self._seeds = itertools.count(seed) if seed is not None else None

    def convolution(self, name, filters, size, stride=1, padding=0):
        """A convolution, padded alike on every side, and its ReLU."""
        # At a stride of 1 "same" is that padding, without a padded copy. At
        # others it is not: it may pad more at the bottom and right.
        same = stride == 1 and 2 * padding == size - 1
        if not same:
            self.pad(((padding, padding), (padding, padding)))
        fan_in = size * size * self._last.shape[-1]
        kernel, bias = self._initializers(fan_in, self._next_seed)
        self._add(
            layers.Conv2D(
                filters,
                size,
                strides=stride,
                padding="same" if same else "valid",
                activation="relu",
                kernel_initializer=kernel,
                bias_initializer=bias,
                name=name,
                dtype=self._dtype,
                **CHANNELS_LAST,
            )
        )

    def pool(self, name, size, stride):
        self._add(
            layers.MaxPooling2D(
                size, stride, name=name, dtype=self._dtype, **CHANNELS_LAST
            )
        )

    def pool_ceil(self, name):
        self._add(CeilMaxPooling2D(name=name, dtype=self._dtype))

    def fire(self, name, squeeze, expand):
        """A squeeze to few channels and the two expansions of it, joined."""
        self.convolution(f"{name}_squeeze1x1", squeeze, 1)
        squeezed = self._last
        self.convolution(f"{name}_expand1x1", expand, 1)
        narrow = self._last
        self._last = squeezed
        self.convolution(f"{name}_expand3x3", expand, 3, padding=1)
        joined = layers.Concatenate(name=name, dtype=self._dtype)(
            [narrow, self._last]
        )
        self.outputs[name] = self._last = joined

    def pad(self, padding):
        if padding == ((0, 0), (0, 0)):
            return
        self._last = layers.ZeroPadding2D(
            padding, dtype=self._dtype, **CHANNELS_LAST
        )(self._last)

    def _add(self, layer):
        self._last = self.outputs[layer.name] = layer(self._last)

    def _next_seed(self):
        return None if self._seeds is None else next(self._seeds)


def _alexnet(stack):
    stack.convolution("conv1", 64, 11, stride=4, padding=2)
    stack.pool("pool1", 3, 2)
    stack.convolution("conv2", 192, 5, padding=2)
    stack.pool("pool2", 3, 2)
    stack.convolution("conv3", 384, 3, padding=1)
    stack.convolution("conv4", 256, 3, padding=1)
    stack.convolution("conv5", 256, 3, padding=1)


VGG_STACKWISE_FILTERS = (64, 128, 256, 512, 512)
VGG_STACKWISE_REPEATS = (2, 2, 3, 3, 3)


def _vgg16(stack):
    depths = zip(VGG_STACKWISE_FILTERS, VGG_STACKWISE_REPEATS, strict=True)
    for block, (filters, repeats) in enumerate(depths, start=1):
        if block > 1:
            stack.pool(f"pool{block - 1}", 2, 2)
        for i in range(1, repeats + 1):
            stack.convolution(f"conv{block}_{i}", filters, 3, padding=1)


# Squeeze and expand channels of fire2 ... fire9; a pool stands before these.
SQUEEZENET_FIRES = {
    "fire2": (16, 64),
    "fire3": (16, 64),
    "fire4": (32, 128),
    "fire5": (32, 128),
    "fire6": (48, 192),
    "fire7": (48, 192),
    "fire8": (64, 256),
    "fire9": (64, 256),
}
SQUEEZENET_POOLS = {"fire2": "pool1", "fire4": "pool3", "fire6": "pool5"}


def _squeezenet(stack):
    stack.convolution("conv1", 64, 3, stride=2)
    for name, (squeeze, expand) in SQUEEZENET_FIRES.items():
        if name in SQUEEZENET_POOLS:
            stack.pool_ceil(SQUEEZENET_POOLS[name])
        stack.fire(name, squeeze, expand)


def _torch_default(fan_in, next_seed):
    """U(-1/sqrt(fan_in), 1/sqrt(fan_in)) for kernel and bias."""
    bound = 1 / math.sqrt(fan_in)
    return (
        keras.initializers.RandomUniform(-bound, bound, seed=next_seed()),
        keras.initializers.RandomUniform(-bound, bound, seed=next_seed()),
    )


def _he_normal_fan_out(fan_in, next_seed):
    del fan_in
    kernel = keras.initializers.VarianceScaling(
        2.0, "fan_out", "untruncated_normal", seed=next_seed()
    )
    return kernel, "zeros"


def _he_uniform(fan_in, next_seed):
    del fan_in
    return keras.initializers.HeUniform(seed=next_seed()), "zeros"


_INITIALIZERS = {
    "alex": _torch_default,
    "vgg": _he_normal_fan_out,
    "squeeze": _he_uniform,
}


def _fire_names(fire, index):
    return {
        f"{fire}_{part}{shape}": f"features.{index}.{part}{torch_shape}"
        for part, shape, torch_shape in (
            ("squeeze", "1x1", ""),
            ("expand", "1x1", "1x1"),
            ("expand", "3x3", "3x3"),
        )
    }


BACKBONES = {
    "alex": Backbone(
        taps=("conv1", "conv2", "conv3", "conv4", "conv5"),
        tap_channels=(64, 192, 384, 256, 256),
        smallest_size=31,
        convolutions={
            f"conv{i}": f"features.{index}"
            for i, index in enumerate((0, 3, 6, 8, 10), start=1)
        },
        build=_alexnet,
    ),
    "vgg": Backbone(
        taps=("conv1_2", "conv2_2", "conv3_3", "conv4_3", "conv5_3"),
        tap_channels=VGG_STACKWISE_FILTERS,
        smallest_size=16,
        convolutions=dict(
            zip(
                (
                    f"conv{block}_{i}"
                    for block, repeats in enumerate(VGG_STACKWISE_REPEATS, 1)
                    for i in range(1, repeats + 1)
                ),
                (
                    f"features.{index}"
                    for index in (
                        0,
                        2,
                        5,
                        7,
                        10,
                        12,
                        14,
                        17,
                        19,
                        21,
                        24,
                        26,
                        28,
                    )
                ),
                strict=True,
            )
        ),
        build=_vgg16,
    ),
    "squeeze": Backbone(
        taps=("conv1", "fire3", "fire5", "fire6", "fire7", "fire8", "fire9"),
        tap_channels=(64, 128, 256, 384, 384, 512, 512),
        smallest_size=17,
        convolutions={
            "conv1": "features.0",
            **{
                ours: theirs
                for fire, index in zip(
                    SQUEEZENET_FIRES, (3, 4, 6, 7, 9, 10, 11, 12), strict=True
                )
                for ours, theirs in _fire_names(fire, index).items()
            },
        },
        build=_squeezenet,
    ),
}
