"""Dropout that does not depend on how a batch is split over replicas.

Element `i` of the global batch has the same mask on any replica: Philox
computes number `n` from its key and the counter `n / 4`, and each replica's
counter starts at the position of its rows in the global batch.

XLA's Philox returns other numbers for the same key and counter. Masks with
`--jit` therefore differ, and a run that started with it resumes only with it.
XLA does not work with several replicas (`training.run.devices`).
"""

import tensorflow as tf

PHILOX = 1
# Numbers that Philox generates per value of its counter.
NUMBERS_PER_COUNT = 4
# Draws of a step (taps times pairs) in the upper half of the counter.
DRAWS_PER_STEP = 64


def make_dropout_mask(shape, rate, seed, step, draw, first_row):
    """Returns a dropout mask of 0 and `1 / (1 - rate)`.

    Args:
        shape: ints `(batch, h, w, channels)`; the last must be a multiple of
            `NUMBERS_PER_COUNT`, as in all backbones.
        rate: fraction of the elements to drop.
        seed: seed of the run, an int of at least 0.
        step: int64 scalar, the step of the run.
        draw: index of the draw within the step, below `DRAWS_PER_STEP`.
        first_row: int64 scalar, position of the first row in the global
            batch.

    Returns:
        float32 of that shape.
    """
    per_row = shape[1] * shape[2] * shape[3] // NUMBERS_PER_COUNT
    start = tf.cast(first_row, tf.uint64) * tf.cast(per_row, tf.uint64)
    stream = tf.cast(step * DRAWS_PER_STEP + draw, tf.uint64)
    numbers = tf.raw_ops.StatelessRandomUniformV2(
        shape=shape,
        key=tf.constant([seed], tf.uint64),
        counter=tf.stack([start, stream]),
        alg=PHILOX,
    )
    return tf.cast(numbers >= rate, tf.float32) / (1 - rate)
