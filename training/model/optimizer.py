"""The reference's optimizer and learning rates, and the training step."""

from typing import get_args

import keras
import tensorflow as tf
from keras import ops

from training.model.triplet_model import TripletModel, judge_losses
from training.recipes import Schedule

# Reference, `train.py`: --lr, --nepoch, --nepoch_decay.
LEARNING_RATE = 1e-4
BASE_EPOCHS = 5
DECAY_EPOCHS = 5
# Reference, `Trainer.initialize`: betas of Adam; epsilon is torch's default.
BETA_1, BETA_2, EPSILON = 0.5, 0.999, 1e-8


class TorchAdam(keras.optimizers.Adam):
    """Adam that adds epsilon to the corrected second moment, as torch does.

    Formula: `rate * m_hat / (sqrt(v_hat) + epsilon)` (Kingma and Ba,
    algorithm 1). Keras implements their section 2's variant, `sqrt(v) +
    epsilon` before the correction. Its epsilon is 32 times as large at the
    first step, which shortens the steps of small gradients such as the heads'.
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
    """Returns the reference's Adam, without decay."""
    return TorchAdam(
        LEARNING_RATE, beta_1=BETA_1, beta_2=BETA_2, epsilon=EPSILON
    )


def learning_rates(schedule: str = "reference") -> tuple[float, ...]:
    """Returns the rate of each of the `BASE_EPOCHS + DECAY_EPOCHS` epochs.

    Args:
        schedule: "reference" lowers the rate after each epoch from the sixth
            on, as the reference's loop does: six epochs at the full rate, then
            0.8, 0.6, 0.4 and 0.2 of it. "literal" follows the names of its
            options: five epochs at the full rate, then five with a linear
            decay that stays above 0. Defaults to "reference".
    """
    if schedule not in get_args(Schedule):
        raise ValueError(
            f"`schedule` must be one of {list(get_args(Schedule))}. "
            f"Received: schedule={schedule!r}"
        )
    late = schedule == "reference"
    decay_steps = DECAY_EPOCHS + (not late)
    epochs = range(1, BASE_EPOCHS + DECAY_EPOCHS + 1)
    decays = (max(0, epoch - BASE_EPOCHS - late) for epoch in epochs)
    return tuple(LEARNING_RATE * (1 - n / decay_steps) for n in decays)


def training_step(model: TripletModel, optimizer, jit: bool = False):
    """Returns a function that takes one training step on one replica.

    Args:
        model: the model.
        optimizer: its optimizer, built.
        jit: whether loss and gradients are compiled with XLA. Defaults to
            `False`.

    Returns:
        A function of a batch with `weight` and `row` (see
        `training.data.batches.distributed_batches`) and the step's number,
        int64, to the replica's share of the loss, float32, before the step.
    """
    variables = model.trainable_variables

    def compute_gradients(batch, step):
        with tf.GradientTape() as tape:
            *_, logits = model(batch, step)
            losses = judge_losses(batch["judge"], logits)
            loss = tf.reduce_sum(losses * batch["weight"])
        return loss, tape.gradient(loss, [v.value for v in variables])

    if jit:
        compute_gradients = tf.function(compute_gradients, jit_compile=True)

    def step(batch, number):
        loss, gradients = compute_gradients(batch, number)
        # Keras sums the gradients over the replicas.
        optimizer.apply(gradients, variables)
        return loss

    return step
