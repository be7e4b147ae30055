"""A large batch, computed a part at a time."""

import tensorflow as tf

# Pixels of either side that are computed at once: 64 images of 64 x 64, or one
# of 512 x 512. With more, memory grows and the rate does not.
CHUNK_PIXELS = 64 * 64 * 64


def chunk_of(size):
    """Returns how many images of a size are computed at once, at least 1.

    Args:
        size: int32 `(2,)`, height and width.
    """
    return tf.maximum(1, CHUNK_PIXELS // tf.reduce_prod(size))


def in_chunks(function, batches, step, output):
    """Calls a function on consecutive parts of batches and joins what it gives.

    What a request needs in memory is then bounded by its largest image, not by
    how many images it, or a server that merges requests, puts together.

    Args:
        function: takes one tensor per batch and returns one whose first axis
            is as long as theirs.
        batches: list of tensors with one length, at least 1.
        step: int32 scalar, the length of a part; the last may be shorter.
        output: `tf.TensorSpec` of the function's result.

    Returns:
        The tensor that `function(*batches)` would give.
    """
    count = tf.shape(batches[0])[0]

    def compute(start, parts):
        chunk = [batch[start : start + step] for batch in batches]
        parts = parts.write(parts.size(), function(*chunk))
        return start + step, parts

    parts = tf.TensorArray(
        output.dtype,
        size=0,
        dynamic_size=True,
        infer_shape=False,
        element_shape=output.shape,
    )
    _, parts = tf.while_loop(
        lambda start, _: start < count,
        compute,
        (0, parts),
        # One after the other, or all would be in memory together.
        parallel_iterations=1,
    )
    return parts.concat()
