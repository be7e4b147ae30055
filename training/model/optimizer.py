"""The reference's optimiser: Adam as torch has it."""

import keras
from keras import ops

from training.run.schedule import LEARNING_RATE

# Reference, `Trainer.initialize`: betas of Adam; epsilon is torch's default.
BETA_1, BETA_2, EPSILON = 0.5, 0.999, 1e-8


class TorchAdam(keras.optimizers.Adam):
    """Adam whose epsilon stands beside the corrected second moment.

    Formula: `rate * m_hat / (sqrt(v_hat) + epsilon)` (Kingma and Ba,
    algorithm 1). Keras has their section 2's variant, `sqrt(v) + epsilon`
    before the correction, so that its epsilon is 32 times as large at the
    first step: small gradients, which heads have, would step less far.
    """

    def update_step(self, gradient, variable, learning_rate):
        """Updates a variable by its gradient."""
        step = ops.cast(self.iterations + 1, variable.dtype)
        epsilon = self.epsilon
        self.epsilon = epsilon * ops.sqrt(1 - self.beta_2**step)
        try:
            super().update_step(gradient, variable, learning_rate)
        finally:
            self.epsilon = epsilon


def make_optimizer() -> keras.optimizers.Optimizer:
    """Returns Adam as the reference has it, without decay."""
    return TorchAdam(
        LEARNING_RATE, beta_1=BETA_1, beta_2=BETA_2, epsilon=EPSILON
    )
