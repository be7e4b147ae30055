"""One step of training on one replica."""

import tensorflow as tf

from training.model.triplet_model import TripletModel, judge_losses


def training_step(model: TripletModel, optimizer, jit: bool = False):
    """Returns a function that takes one step.

    Args:
        model: the model.
        optimizer: its optimiser, built.
        jit: whether loss and gradients are compiled with XLA. Defaults to
            `False`.

    Returns:
        A function of a batch with `weight` and `row` (see
        `training.data.batches.distributed_batches`) and the step's number,
        int64, to the replica's share of the loss, float32, before the step.
    """
    variables = model.trainable_variables

    def gradients(batch, step):
        with tf.GradientTape() as tape:
            *_, logits = model(batch, step)
            losses = judge_losses(batch["judge"], logits)
            loss = tf.reduce_sum(losses * batch["weight"])
        return loss, tape.gradient(loss, [v.value for v in variables])

    if jit:
        gradients = tf.function(gradients, jit_compile=True)

    def step(batch, number):
        loss, found = gradients(batch, number)
        # Keras adds gradients up over the replicas.
        optimizer.apply(found, variables)
        return loss

    return step
