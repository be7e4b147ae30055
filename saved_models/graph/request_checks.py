"""What a request must be, checked when the graph runs, on shapes alone.

A server answers what these raise as INVALID_ARGUMENT, with the sentence, and
goes on.
"""

import tensorflow as tf


def checked_batches(smallest_size, max_pixels, **batches):
    """Returns batches of images, once they are known to be comparable.

    Args:
        smallest_size: smallest height and width, in pixels.
        max_pixels: most pixels of one image.
        **batches: float32 or uint8 RGB, `(batch, height, width, 3)`, by name.

    Returns:
        A list of them, unchanged.

    Raises:
        tf.errors.InvalidArgumentError: when the graph runs, if the shapes
            differ or `checked_images` raises.
    """
    *names, last = (f"`{name}`" for name in batches)
    first, *others = shapes = [tf.shape(images) for images in batches.values()]
    same = tf.reduce_all([tf.reduce_all(first == shape) for shape in others])
    check = tf.debugging.Assert(
        same,
        [
            f"{', '.join(names)} and {last} must have one shape "
            "(batch, height, width, 3), not",
            *shapes,
        ],
    )
    with tf.control_dependencies([check]):
        first, *others = batches.values()
        first = checked_images(first, smallest_size, max_pixels)
        return [first, *map(tf.identity, others)]


def checked_images(images, smallest_size, max_pixels):
    """Returns a batch of images, once it is known that the net takes them.

    Args:
        images: float32 or uint8 RGB, `(batch, height, width, 3)`.
        smallest_size: smallest height and width, in pixels.
        max_pixels: most pixels of one image.

    Raises:
        tf.errors.InvalidArgumentError: when the graph runs, if the batch is
            empty or the images are too small or too large.
    """
    shape = tf.shape(images)
    checks = [
        check_not_empty(shape[0]),
        *check_sizes(shape[None, 1:3], smallest_size, max_pixels),
    ]
    with tf.control_dependencies(checks):
        return tf.identity(images)


def check_not_empty(count):
    """Returns the check that a batch holds an image.

    Args:
        count: int32 scalar.
    """
    return tf.debugging.Assert(
        count > 0, ["The batch is empty; one pair at least is needed"]
    )


def check_sizes(sizes, smallest_size, max_pixels):
    """Returns the checks of image sizes.

    Args:
        sizes: int32, `(images, 2)`, height and width.
        smallest_size: smallest height and width, in pixels.
        max_pixels: most pixels of one image.
    """
    # 20,000 x 200,000 pixels do not fit into 32 bits.
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
