"""Decodes images inside the graph: PNG or JPEG to uint8 RGB.

Images are read as `keras_lpips.images.reader.load_image` reads them: gray is
repeated, alpha dropped, palettes are looked up, CMYK is converted, and of 16
bits the higher 8 are kept. Two things differ: TensorFlow does not apply the
EXIF orientation, and of an animated PNG it takes the first frame.

A file that cannot be read never fails the graph, since a server may have
merged it with the files of others.
"""

from collections.abc import Callable

import tensorflow as tf

PNG = b"\x89PNG\r\n\x1a\n"
JPEG = b"\xff\xd8\xff"
# Width and height of a PNG, of four bytes each, follow the signature and the
# first chunk's length and name.
PNG_SIZE_AT, PNG_SIZE_BYTES = 16, 8
# Height and width of a file whose header is damaged.
UNREADABLE = -1
# The two files of a pair are decoded at the same time.
DECODED_AT_ONCE = 2


def is_known(files: tf.Tensor) -> tf.Tensor:
    """Returns which files begin as a PNG or a JPEG, bool `(images,)`."""
    return tf.logical_or(_begins(files, PNG), _begins(files, JPEG))


def read_sizes(files: tf.Tensor) -> tf.Tensor:
    """Reads the sizes of images from their headers, without decoding them.

    Args:
        files: string, `(images,)`.

    Returns:
        int64, `(images, 2)`, height and width; `UNREADABLE` for files that
        are neither PNG nor JPEG, or whose header is damaged.
    """

    sizes, read_ones = map_readable(
        _read_size, files, tf.TensorSpec((None, 2), tf.int64)
    )
    return tf.tensor_scatter_nd_update(
        tf.fill((tf.size(files), 2), tf.constant(UNREADABLE, tf.int64)),
        read_ones[:, None],
        sizes,
    )


def decode(
    files: tf.Tensor, resize: tuple[int, int] | None
) -> tuple[tf.Tensor, tf.Tensor]:
    """Decodes images whose headers were checked.

    Args:
        files: string, `(images,)`.
        resize: `(height, width)` to resize to, or `None` if all have one size.

    Returns:
        uint8 RGB, `(decoded, height, width, 3)`, of the files that can be
        decoded, and their positions, int64 `(decoded,)`.
    """
    shape = (None, *(resize or (None, None)), 3)
    return map_readable(
        lambda file: _decode_one(file, resize),
        files,
        tf.TensorSpec(shape, tf.uint8),
    )


def map_readable(
    function: Callable[[tf.Tensor], tf.Tensor],
    files: tf.Tensor,
    output: tf.TensorSpec,
) -> tuple[tf.Tensor, tf.Tensor]:
    """Calls a function for each file, and leaves out those on which it fails.

    `tf.data` is what can catch an error inside a graph.

    Args:
        function: takes one file; returns tensors of one shape.
        files: string, `(files,)`.
        output: of the stacked results.

    Returns:
        The stacked results, and the positions of their files, int64.
    """
    count = tf.size(files, tf.int64)
    # What there is if it fails on all.
    nothing = (
        tf.zeros([size or 0 for size in output.shape], output.dtype),
        tf.zeros((0,), tf.int64),
    )
    options = tf.data.Options()
    # They would cost more than the work, for a pipeline that runs once.
    options.autotune.enabled = False
    options.experimental_optimization.apply_default_optimizations = False
    results, positions = (
        tf.data.Dataset.from_tensor_slices((files, tf.range(count)))
        .map(
            lambda file, position: (function(file), position),
            num_parallel_calls=DECODED_AT_ONCE,
            deterministic=True,
        )
        .ignore_errors()
        .batch(tf.maximum(count, 1))
        .concatenate(tf.data.Dataset.from_tensors(nothing))
        .take(1)
        .with_options(options)
        .get_single_element()
    )
    return tf.ensure_shape(results, output.shape), positions


def _decode_one(file, resize):
    image = tf.cond(
        _begins(file, PNG),
        lambda: tf.io.decode_png(file, channels=3),
        # The default is a faster approximation that other decoders do not use.
        lambda: tf.io.decode_jpeg(
            file, channels=3, dct_method="INTEGER_ACCURATE"
        ),
    )
    if resize is None:
        # Images of another size could not be stacked, which would fail all.
        same = tf.equal(tf.shape(image, tf.int64)[:2], _read_size(file))
        check = tf.debugging.Assert(tf.reduce_all(same), [same])
        with tf.control_dependencies([check]):
            return tf.identity(image)
    # Pillow's filter, which rounds to whole levels, as in `load_image`.
    image = tf.image.resize(image, resize, "bilinear", antialias=True)
    return tf.cast(tf.clip_by_value(tf.round(image), 0, 255), tf.uint8)


def _read_size(file):
    return tf.cond(
        _begins(file, PNG),
        lambda: _png_size(file),
        lambda: tf.cast(tf.image.extract_jpeg_shape(file)[:2], tf.int64),
    )


def _png_size(file):
    # A file that ends before that fails here.
    head = tf.strings.substr(file, 0, PNG_SIZE_AT + PNG_SIZE_BYTES)
    head = tf.io.decode_raw(head, tf.uint8)
    head = tf.reshape(head[PNG_SIZE_AT:], (2, 4))
    digits = tf.cast(head, tf.int64) * [[1 << 24, 1 << 16, 1 << 8, 1]]
    return tf.reduce_sum(digits, axis=1)[::-1]


def _begins(files, signature):
    head = tf.strings.substr(files, 0, len(signature))
    return tf.equal(head, signature)
