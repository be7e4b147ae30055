"""The image-to-image network and its discriminator."""

import keras
from keras import layers, ops

from pipelines.networks.settings import ESPCN_FACTOR, NetworkSettings

DROPOUT_RATE = 0.5
LEAK = 0.2
DISCRIMINATOR_CHANNELS = 16
ESPCN_CHANNELS = (64, 32)


def make_generator(settings: NetworkSettings) -> keras.Model:
    """Returns a network from images to images in [-1, 1].

    Heights and widths must be multiples of `settings.multiple`; ESPCN's output
    is larger than its input by this factor.
    """
    if settings.architecture == "espcn":
        return _make_espcn()
    images = keras.Input((None, None, 3), name="images")
    channels = [
        min(settings.first_channels * 2**level, settings.most_channels)
        for level in range(settings.layers + 1)
    ]
    x = layers.Conv2D(
        channels[0], 5, settings.first_stride, "same", name="first"
    )(images)
    x = layers.LeakyReLU(LEAK, name="first_relu")(x)
    levels = [x]
    for level in range(1, settings.layers + 1):
        x = layers.Conv2D(channels[level], 3, 2, "same", name=f"down_{level}")(
            x
        )
        x = _normalize(x, settings, f"down_{level}")
        x = layers.LeakyReLU(LEAK, name=f"down_{level}_relu")(x)
        levels.append(x)
    for deep, level in enumerate(reversed(range(settings.layers))):
        x = _double(x, channels[level], settings, f"up_{level}")
        x = _normalize(x, settings, f"up_{level}")
        x = layers.ReLU(name=f"up_{level}_relu")(x)
        if deep < settings.dropout_layers:
            x = layers.Dropout(DROPOUT_RATE, name=f"up_{level}_dropout")(x)
        forced = level == 0 and settings.forced_skip
        if deep < settings.skips or forced:
            x = layers.Concatenate(name=f"skip_{level}")([x, levels[level]])
    if settings.first_stride == 2:
        x = _double(x, channels[0], settings, "last_up")
        x = layers.ReLU(name="last_up_relu")(x)
    x = layers.Conv2D(3, 5, 1, "same", name="last")(x)
    x = layers.Activation("tanh", name="output")(x)
    return keras.Model(images, x, name="generator")


def make_discriminator(settings: NetworkSettings) -> keras.Model:
    """Returns a patch discriminator, which computes logits."""
    images = keras.Input((None, None, 3), name="images")
    x = images
    for level in range(settings.discriminator_layers):
        x = layers.Conv2D(
            DISCRIMINATOR_CHANNELS * 2**level, 4, 2, "same", name=f"d_{level}"
        )(x)
        x = layers.LeakyReLU(LEAK, name=f"d_{level}_relu")(x)
    x = layers.Conv2D(1, 3, 1, "same", name="answer")(x)
    return keras.Model(images, x, name="discriminator")


def _make_espcn():
    images = keras.Input((None, None, 3), name="images")
    wide, narrow = ESPCN_CHANNELS
    x = layers.Conv2D(wide, 5, 1, "same", activation="tanh", name="first")(
        images
    )
    x = layers.Conv2D(narrow, 3, 1, "same", activation="tanh", name="second")(x)
    x = layers.Conv2D(3 * ESPCN_FACTOR**2, 3, 1, "same", name="last")(x)
    x = ops.depth_to_space(x, ESPCN_FACTOR)
    return keras.Model(images, x, name="espcn")


def _double(x, channels, settings, name):
    if settings.upsampling == "transposed":
        return layers.Conv2DTranspose(channels, 3, 2, "same", name=name)(x)
    x = layers.UpSampling2D(
        2, interpolation=settings.upsampling, name=f"{name}_larger"
    )(x)
    return layers.Conv2D(channels, 3, 1, "same", name=name)(x)


def _normalize(x, settings, name):
    if settings.normalization == "batch":
        return layers.BatchNormalization(name=f"{name}_norm")(x)
    if settings.normalization == "instance":
        # One group for each channel.
        return layers.GroupNormalization(-1, name=f"{name}_norm")(x)
    return x
