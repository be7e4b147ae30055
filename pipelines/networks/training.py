"""Trains one network of the bank."""

from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from keras_lpips import LPIPS
from keras_lpips.layers.normalization import to_signed_unit
from pipelines.networks.corruption import corrupt
from pipelines.networks.generator import make_discriminator, make_generator
from pipelines.networks.settings import NetworkSettings
from pipelines.rng import make_rng

BATCH_SIZE = 8
# As in DCGAN.
BETA_1 = 0.5
# The first two of VGG16's stages, which are cheap.
VGG_TAPS = ("conv1_2", "conv2_2")


class Restoration(keras.Model):
    """A generator and, if its loss has a weight, a discriminator.

    Args:
        settings: settings of the network.
    """

    def __init__(self, settings: NetworkSettings):
        super().__init__()
        self.settings = settings
        self.generator = make_generator(settings)
        self.discriminator = None
        if settings.adversarial_weight:
            self.discriminator = make_discriminator(settings)
            self.discriminator_optimizer = _adam(settings)
            self.discriminator_optimizer.build(
                self.discriminator.trainable_variables
            )
        self.vgg = None
        if settings.vgg_weight:
            self.vgg = LPIPS("vgg", calibrated=False, taps=VGG_TAPS)
        self.compile(optimizer=_adam(settings))

    def call(self, corrupted, training=False):
        """Restores images in [-1, 1]."""
        return self.generator(corrupted, training=training)

    def train_step(self, data):
        """Updates the discriminator and the generator once."""
        corrupted, images, _ = keras.utils.unpack_x_y_sample_weight(data)
        settings = self.settings
        with tf.GradientTape(persistent=True) as tape:
            restored = self.generator(corrupted, training=True)
            l1 = ops.mean(ops.abs(restored - images))
            loss = settings.l1_weight * l1
            if self.vgg is not None:
                vgg = ops.mean(self.vgg(images, restored))
                loss += settings.vgg_weight * vgg
            if self.discriminator is not None:
                fake = self.discriminator(restored)
                real = self.discriminator(images)
                loss += settings.adversarial_weight * _cross_entropy(fake, 1.0)
                discriminator_loss = _cross_entropy(real, 1.0)
                discriminator_loss += _cross_entropy(fake, 0.0)
        _update(tape, loss, self.generator, self.optimizer)
        if self.discriminator is not None:
            _update(
                tape,
                discriminator_loss,
                self.discriminator,
                self.discriminator_optimizer,
            )
        return {"loss": loss, "l1": l1}


def train(
    settings: NetworkSettings,
    patch: Callable[[np.random.Generator], np.ndarray],
    steps: int,
    seed: int,
) -> tuple[keras.Model, dict[str, float]]:
    """Trains a network.

    Args:
        settings: settings of the network.
        patch: draws a patch, uint8 RGB, of one size.
        steps: number of batches.
        seed: seed of the weights, patches and corruptions.

    Returns:
        The generator, and the mean losses of the last tenth of the steps.
    """
    keras.utils.set_random_seed(seed)
    model = Restoration(settings)
    losses = []
    for step in range(steps):
        pairs = [
            _pair(patch, settings, make_rng("train", seed, step, place))
            for place in range(BATCH_SIZE)
        ]
        batch = [to_signed_unit(np.stack(x)) for x in zip(*pairs, strict=True)]
        losses.append(model.train_on_batch(*batch, return_dict=True))
    last = losses[-max(1, steps // 10) :]
    means = {
        name: float(np.mean([float(loss[name]) for loss in last]))
        for name in ("loss", "l1")
    }
    return model.generator, means


def _pair(patch, settings, rng):
    image = patch(rng)
    return corrupt(image, settings.corruption, rng), image


def _adam(settings):
    return keras.optimizers.Adam(settings.learning_rate, beta_1=BETA_1)


def _cross_entropy(logits, answer):
    return ops.mean(
        ops.binary_crossentropy(
            ops.full_like(logits, answer), logits, from_logits=True
        )
    )


def _update(tape, loss, model, optimizer):
    variables = model.trainable_variables
    gradients = tape.gradient(loss, variables)
    optimizer.apply(gradients, variables)
