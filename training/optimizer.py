"""The reference's optimiser."""

import keras

from training.schedule import LEARNING_RATE

# Reference, `Trainer.initialize`: betas of Adam; epsilon is torch's default.
BETA_1, BETA_2, EPSILON = 0.5, 0.999, 1e-8


def make_optimizer() -> keras.optimizers.Optimizer:
    """Returns Adam as the reference has it, without decay."""
    return keras.optimizers.Adam(
        LEARNING_RATE, beta_1=BETA_1, beta_2=BETA_2, epsilon=EPSILON
    )
