"""Checks of what may be known only when a graph runs."""

import keras
from keras import ops

from keras_lpips.images.validation import MASK_RULE, ImageError


def check_at_run_time(batches, smallest_size: int, mask=None):
    """Adds checks of sizes that are not known while TensorFlow traces.

    JAX, torch and eager TensorFlow always know the sizes. There nothing is
    added.

    Args:
        batches: one or two tensors `(batch, height, width, 3)`.
        smallest_size: smallest height and width, in pixels.
        mask: tensor `(batch, height, width)`. Defaults to `None`.

    Returns:
        The tensors, and a bool scalar that is false where a check failed, or
        `None` where there was nothing to check. XLA drops assertions: there
        the scalar must make the result NaN, unless XLA itself finds the
        shapes impossible.
    """
    masks = [] if mask is None else [mask]
    if keras.backend.backend() != "tensorflow" or all(
        batch.shape.is_fully_defined() for batch in (*batches, *masks)
    ):
        return batches, None
    import tensorflow as tf

    shapes = [tf.shape(batch) for batch in batches]
    passed, checks = [], []

    def check(condition, *received):
        passed.append(condition)
        checks.append(tf.debugging.Assert(condition, received))

    for shape in shapes:
        check(
            tf.reduce_all(shape[1:3] >= smallest_size),
            f"Images must be at least {smallest_size} pixels high and wide "
            "for this net. Received: shape=",
            shape,
        )
    for shape in shapes[1:]:
        check(
            tf.reduce_all(tf.equal(shapes[0], shape)),
            "`reference` and `distorted` must have one shape. Received:",
            shapes[0],
            shape,
        )
    for shape in map(tf.shape, masks):
        check(
            tf.reduce_all(tf.equal(shapes[0][:3], shape)),
            "`mask` must have the size of the images. Received: mask.shape=",
            shape,
            "images:",
            shapes[0],
        )
    with tf.control_dependencies([check for check in checks if check]):
        batches = [tf.identity(batch) for batch in batches]
    return batches, tf.reduce_all(tf.stack(passed))


def check_mask_values(mask):
    """Checks the values of masks, when the graph runs if it is traced.

    Args:
        mask: float, `(batch, height, width)`.

    Returns:
        Whether each mask can be used, bool, `(batch, 1, 1, 1)`. Under JAX's
        tracing and XLA, which know no assertions, it must make the result NaN.

    Raises:
        ImageError: if a value is known to be outside of [0, 1], or a mask to be
            0 everywhere.
    """
    within = ops.logical_and(mask >= 0, mask <= 1)
    valid = ops.logical_and(
        ops.all(within, axis=(1, 2)), ops.any(mask > 0, axis=(1, 2))
    )[:, None, None, None]
    passed = ops.all(valid)
    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        if not tf.executing_eagerly():
            check = tf.debugging.Assert(passed, [MASK_RULE])
            with tf.control_dependencies([check] if check else []):
                return tf.identity(valid)
    elif backend == "jax":
        import jax

        if isinstance(passed, jax.core.Tracer):
            return valid
    elif backend == "torch":
        import torch

        if torch.compiler.is_compiling():
            return valid
    if not bool(passed):
        raise ImageError(MASK_RULE)
    return valid
