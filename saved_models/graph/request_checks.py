"""Validates the shapes of requests when the graph runs.

A server returns INVALID_ARGUMENT with the message of a failed check.
"""

import tensorflow as tf


def check_batches(
    smallest_size: int, max_pixels: int, **batches: tf.Tensor
) -> list[tf.Tensor]:
    """Returns batches of images, after their shapes are checked.

    Args:
        smallest_size: smallest height and width, in pixels.
        max_pixels: most pixels of one image.
        **batches: float32 or uint8 RGB, `(batch, height, width, 3)`, by name.

    Returns:
        The batches, unchanged.

    Raises:
        tf.errors.InvalidArgumentError: when the graph runs, if the shapes
            differ, the batch is empty or images are too small or too large.
    """
    *names, last = (f"`{name}`" for name in batches)
    first, *others = shapes = [tf.shape(images) for images in batches.values()]
    same = [tf.reduce_all(first == shape) for shape in others]
    one_shape = tf.debugging.Assert(
        tf.reduce_all([True, *same]),
        [
            f"{', '.join(names)} and {last} must have one shape "
            "(batch, height, width, 3), not",
            *shapes,
        ],
    )
    # In this order, so that shapes that differ are reported first.
    with tf.control_dependencies([one_shape]):
        checks = [
            check_not_empty(first[0]),
            *check_sizes(first[None, 1:3], smallest_size, max_pixels),
        ]
    with tf.control_dependencies(checks):
        return [tf.identity(images) for images in batches.values()]


def check_not_empty(count: tf.Tensor) -> tf.Operation:
    """Returns an assertion that a batch is not empty.

    Args:
        count: int32 scalar.
    """
    return tf.debugging.Assert(
        count > 0, ["The batch is empty; it must hold at least one image"]
    )


def check_sizes(
    sizes: tf.Tensor, smallest_size: int, max_pixels: int
) -> list[tf.Operation]:
    """Returns assertions of the image sizes.

    Args:
        sizes: int32, `(images, 2)`, height and width.
        smallest_size: smallest height and width, in pixels.
        max_pixels: most pixels of one image.
    """
    # 20,000 x 200,000 pixels overflow 32 bits.
    sizes = tf.cast(sizes, tf.int64)
    return [
        tf.debugging.Assert(
            tf.reduce_all(sizes >= smallest_size),
            [
                f"Images must be at least {smallest_size} pixels high and "
                "wide for this net; the smallest height and width is",
                tf.reduce_min(sizes),
            ],
        ),
        tf.debugging.Assert(
            tf.reduce_all(tf.reduce_prod(sizes, axis=-1) <= max_pixels),
            [
                f"Images may have at most {max_pixels} pixels; the greatest "
                "height and width are",
                tf.reduce_max(sizes, axis=0),
            ],
        ),
    ]
