"""Checks of requests when the graph runs.

A server answers a failed check of a batch as INVALID_ARGUMENT, with its
message, and continues. What concerns one pair of files is not checked so: it
becomes that pair's own error.
"""

import tensorflow as tf

from saved_models.graph.encoded_images import UNREADABLE, is_known

RANK, CHANNELS = 4, 3
# Sizes of a shape in a message, of which TensorFlow shows three by default.
SHOWN_SIZES = 8


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
        tf.errors.InvalidArgumentError: when the graph runs, if a batch has
            another rank or other channels, the shapes differ, the batch is
            empty or images are too small or too large.
    """
    *names, last = (f"`{name}`" for name in batches)
    checked = [_check_rgb(name, images) for name, images in batches.items()]
    first, *others = shapes = [tf.shape(images) for images in checked]
    same = [tf.reduce_all(first == shape) for shape in others]
    one_shape = tf.debugging.Assert(
        tf.reduce_all([True, *same]),
        [
            f"{', '.join(names)} and {last} must have one shape "
            "(batch, height, width, 3), not",
            *shapes,
        ],
        summarize=SHOWN_SIZES,
    )
    # In this order, so that shapes that differ are reported first.
    with tf.control_dependencies([one_shape]):
        checks = [
            check_not_empty(first[0]),
            *check_sizes(first[None, 1:3], smallest_size, max_pixels),
        ]
    with tf.control_dependencies(checks):
        return [tf.identity(images) for images in checked]


def _check_rgb(name, images):
    """Returns a batch whose rank and channels are checked.

    A server does not compare a request with the shape of the signature. The
    graph does, but TensorFlow would optimize a check away that the declared
    shape makes true: so the check sees a tensor without a declared shape.
    """
    images = tf.raw_ops.PlaceholderWithDefault(input=images, shape=None)
    shape = tf.shape(images)
    # A dimension of -1 in front, so that there is a last one for a scalar.
    channels = tf.concat([[-1], shape], axis=0)[-1]
    is_rgb = tf.logical_and(
        tf.equal(tf.size(shape), RANK), tf.equal(channels, CHANNELS)
    )
    check = tf.debugging.Assert(
        is_rgb,
        [f"`{name}` must have the shape (batch, height, width, 3), not", shape],
        summarize=SHOWN_SIZES,
    )
    with tf.control_dependencies([check]):
        return tf.ensure_shape(
            tf.identity(images), (None, None, None, CHANNELS)
        )


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
            tf.reduce_all(_count_pixels(sizes) <= max_pixels),
            [
                f"Images may have at most {max_pixels} pixels; the greatest "
                "height and width are",
                tf.reduce_max(sizes, axis=0),
            ],
        ),
    ]


def find_pair_errors(
    files: dict[str, tf.Tensor],
    sizes: dict[str, tf.Tensor],
    smallest_size: int,
    max_pixels: int,
    one_size: bool,
) -> tf.Tensor:
    """Returns what is wrong with each pair of files, by their headers.

    Args:
        files: PNG or JPEG, string `(pairs,)`, for `reference` and `distorted`.
        sizes: of these, as `read_sizes` returns them.
        smallest_size: smallest height and width, in pixels.
        max_pixels: most pixels of one image.
        one_size: whether the two images of a pair must have one size.

    Returns:
        A sentence for each pair, string `(pairs,)`, empty if all is right.
    """
    errors = tf.fill(tf.shape(files["reference"]), "")
    if one_size:
        first, second = sizes.values()
        errors = tf.where(
            tf.reduce_all(tf.equal(first, second), axis=-1),
            errors,
            tf.strings.join(
                [
                    "The two images of a pair must have one size; "
                    "`reference` has ",
                    _describe(first),
                    ", `distorted` ",
                    _describe(second),
                ]
            ),
        )
    # The last one that holds is reported, so the first to be found is last.
    for role in ("distorted", "reference"):
        described = _describe(sizes[role])
        for wrong, sentence in (
            (
                _count_pixels(sizes[role]) > max_pixels,
                [
                    f"Images may have at most {max_pixels} pixels; `{role}` "
                    "has ",
                    described,
                ],
            ),
            (
                tf.reduce_any(sizes[role] < smallest_size, axis=-1),
                [
                    f"Images must be at least {smallest_size} pixels high and "
                    f"wide for this net; `{role}` has ",
                    described,
                ],
            ),
            (
                sizes[role][:, 0] == UNREADABLE,
                [f"The header of `{role}` is damaged or truncated"],
            ),
            (
                tf.logical_not(is_known(files[role])),
                [f"`{role}` must hold PNG or JPEG files; this one is neither"],
            ),
        ):
            errors = tf.where(wrong, tf.strings.join(sentence), errors)
    return errors


def _describe(sizes):
    text = tf.strings.as_string(sizes)
    return tf.strings.join([text[:, 0], " x ", text[:, 1], " (height x width)"])


def _count_pixels(sizes):
    # 2^32 x 2^32 pixels overflow any integer.
    return tf.reduce_prod(tf.cast(sizes, tf.float64), axis=-1)
