"""Random settings of a network, from the paper's table of choices.

The paper does not give the values; these are small enough to train a network in
seconds to minutes on a CPU.
"""

import dataclasses
from dataclasses import dataclass

from pipelines.rng import make_rng

CORRUPTIONS = (
    "none",
    "pink_noise",
    "white_noise",
    "color_removal",
    "downsampling",
)
UPSAMPLINGS = ("transposed", "nearest", "bilinear")
NORMALIZATIONS = ("none", "batch", "instance")
FIRST_STRIDES = (1, 2)
FIRST_CHANNELS = (8, 16, 32)
MOST_CHANNELS = (32, 64)
MAX_LAYERS = 3
# Height and width of the training patches.
PATCH_SIZE = 64
# The factor by which ESPCN's output is larger than its input.
ESPCN_FACTOR = 4
MAX_DISCRIMINATOR_LAYERS = 3
# A weight of 0 omits a loss.
L1_WEIGHTS = (0.0, 1.0, 10.0)
VGG_WEIGHTS = (0.0, 0.1, 1.0)
ADVERSARIAL_WEIGHTS = (0.0, 0.01, 0.1)
LEARNING_RATES = (2e-3, 1e-3, 5e-4)


@dataclass(frozen=True)
class NetworkSettings:
    """One network and its training.

    Attributes:
        corruption: corruption of its input, one of `CORRUPTIONS`.
        layers: layers that halve the resolution, and as many that double it.
        skips: connections from the first to the second half, the deepest
            layers first.
        forced_skip: whether to add a connection at the highest resolution.
        dropout_layers: decoding layers with dropout, the deepest first.
        upsampling: one of `UPSAMPLINGS`.
        normalization: one of `NORMALIZATIONS`.
        first_stride: stride of the first convolution.
        first_channels: channels of the first convolution, doubled in each
            layer.
        most_channels: most channels of a layer.
        discriminator_layers: convolutions of the discriminator.
        l1_weight: weight of the pixel-wise absolute difference.
        vgg_weight: weight of the distance of VGG's features.
        adversarial_weight: weight of the adversarial loss.
        learning_rate: learning rate of Adam, for both networks.
        architecture: "encoder_decoder", or "espcn", which is fixed.
        group: group of the distortion: "cnn", "superres" or "color".
    """

    corruption: str
    layers: int
    skips: int
    forced_skip: bool
    dropout_layers: int
    upsampling: str
    normalization: str
    first_stride: int
    first_channels: int
    most_channels: int
    discriminator_layers: int
    l1_weight: float
    vgg_weight: float
    adversarial_weight: float
    learning_rate: float
    architecture: str = "encoder_decoder"
    group: str = "cnn"

    @property
    def multiple(self) -> int:
        """The factor to whose multiples heights and widths are padded."""
        if self.architecture == "espcn":
            return ESPCN_FACTOR
        return self.first_stride * 2**self.layers


_RESTORER = NetworkSettings(
    corruption="color_removal",
    layers=2,
    skips=2,
    forced_skip=True,
    dropout_layers=0,
    upsampling="nearest",
    normalization="none",
    first_stride=1,
    first_channels=16,
    most_channels=64,
    discriminator_layers=1,
    l1_weight=1.0,
    vgg_weight=0.0,
    adversarial_weight=0.0,
    learning_rate=1e-3,
)
# Networks among the real algorithms, which learn by l1 alone. The second is
# like that of Shi et al., "Real-time single image and video super-resolution
# using an efficient sub-pixel convolutional neural network", 2016.
RESTORERS = {
    "color_network": dataclasses.replace(_RESTORER, group="color"),
    "espcn": dataclasses.replace(
        _RESTORER,
        corruption="reduction",
        architecture="espcn",
        group="superres",
    ),
}


def sample_settings(seed: int, number: int) -> NetworkSettings:
    """Draws the settings of a bank's network.

    Args:
        seed: seed of the bank.
        number: index of the network; corruptions alternate.
    """
    generator = make_rng("network", seed, number)

    def choose(values):
        return values[generator.integers(len(values))]

    layers = int(generator.integers(1, MAX_LAYERS + 1))
    l1_weight = choose(L1_WEIGHTS)
    # L1 or VGG must be used: the adversarial loss ignores the target.
    vgg_weights = VGG_WEIGHTS if l1_weight else VGG_WEIGHTS[1:]
    return NetworkSettings(
        corruption=CORRUPTIONS[number % len(CORRUPTIONS)],
        layers=layers,
        skips=int(generator.integers(layers + 1)),
        forced_skip=bool(generator.integers(2)),
        dropout_layers=int(generator.integers(layers + 1)),
        upsampling=choose(UPSAMPLINGS),
        normalization=choose(NORMALIZATIONS),
        first_stride=choose(FIRST_STRIDES),
        first_channels=choose(FIRST_CHANNELS),
        most_channels=choose(MOST_CHANNELS),
        discriminator_layers=int(
            generator.integers(1, MAX_DISCRIMINATOR_LAYERS + 1)
        ),
        l1_weight=l1_weight,
        vgg_weight=choose(vgg_weights),
        adversarial_weight=choose(ADVERSARIAL_WEIGHTS),
        learning_rate=choose(LEARNING_RATES),
    )
