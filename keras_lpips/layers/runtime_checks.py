"""Checks of shapes that are known only when a graph runs."""

import keras


def check_at_run_time(batches, smallest_size: int):
    """Adds checks of sizes that are not known while TensorFlow traces.

    JAX, torch and eager TensorFlow always know the sizes. There nothing is
    added.

    Args:
        batches: one or two tensors `(batch, height, width, 3)`.
        smallest_size: smallest height and width, in pixels.

    Returns:
        The tensors, and a bool scalar that is false where a check failed, or
        `None` where there was nothing to check. XLA drops assertions: there
        the scalar must make the result NaN, unless XLA itself finds the
        shapes impossible.
    """
    if keras.backend.backend() != "tensorflow" or all(
        batch.shape.is_fully_defined() for batch in batches
    ):
        return batches, None
    import tensorflow as tf

    shapes = [tf.shape(batch) for batch in batches]
    large = [tf.reduce_all(shape[1:3] >= smallest_size) for shape in shapes]
    checks = [
        tf.debugging.Assert(
            passed,
            [
                f"Images must be at least {smallest_size} pixels high and "
                "wide for this net. Received: shape=",
                shape,
            ],
        )
        for passed, shape in zip(large, shapes, strict=True)
    ]
    same = [tf.reduce_all(tf.equal(shapes[0], shape)) for shape in shapes[1:]]
    checks += [
        tf.debugging.Assert(
            passed,
            [
                "`reference` and `distorted` must have one shape. Received:",
                shapes[0],
                shape,
            ],
        )
        for passed, shape in zip(same, shapes[1:], strict=True)
    ]
    with tf.control_dependencies([check for check in checks if check]):
        batches = [tf.identity(batch) for batch in batches]
    return batches, tf.reduce_all(tf.stack(large + same))
