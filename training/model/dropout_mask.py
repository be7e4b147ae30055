"""A dropout that does not depend on how a batch is spread over replicas.

Element `i` of the global batch gets the same mask on whichever replica it is:
Philox makes number `n` from its key and the counter `n / 4`, so each replica
starts to count where its rows stand in the global batch.

XLA's Philox gives other numbers from the same key and counter: with `--jit`
the masks are others, as good ones, and a run that began with it goes on only
with it. Several replicas and XLA do not go together (`training.run.devices`).
"""

import tensorflow as tf

PHILOX = 1
# Numbers that Philox makes per value of its counter.
NUMBERS_PER_COUNT = 4
# Room for the taps and the two pairs of a step in the counter's upper half.
DRAWS_PER_STEP = 64


def keep_mask(shape, rate, seed, step, draw, first_row):
    """Returns what to multiply by: 0, or `1 / (1 - rate)`.

    Args:
        shape: ints `(batch, h, w, channels)`; the last must be a multiple of
            `NUMBERS_PER_COUNT`, as those of all backbones are.
        rate: share that is dropped.
        seed: seed of the run, an int at least 0.
        step: int64 scalar: step of the run.
        draw: which of the step's draws, an int below `DRAWS_PER_STEP`.
        first_row: int64 scalar: row of the global batch that comes first.

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
