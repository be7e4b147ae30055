"""A backbone of two convolutions, for tests of expensive work on any net."""

import keras

from keras_lpips.backbones.backbone import Backbone


def build_toy(stack):
    """Adds two convolutions and a pool to a `Stack`."""
    stack.convolution("conv1", 16, 5, stride=2, padding=2)
    stack.pool("pool1", 3, 2)
    stack.convolution("conv2", 24, 3, padding=1)


def make_initializers(fan_in, next_seed):
    """Returns the initializers of a convolution's kernel and bias."""
    return keras.initializers.HeUniform(seed=next_seed()), "zeros"


TOY = Backbone(
    name="toy",
    taps=("conv1", "conv2"),
    tap_channels=(16, 24),
    smallest_size=5,
    convolutions={"conv1": "features.0", "conv2": "features.3"},
    build=build_toy,
    initializers=make_initializers,
)
