"""Decodes images inside the graph: PNG or JPEG to uint8 RGB.

Images are read as `keras_lpips.images.reader.load_image` reads them: gray is
repeated, alpha dropped, palettes are looked up, CMYK is converted, and of 16
bits the higher 8 are kept. Two things differ: TensorFlow does not apply the
EXIF orientation, and of an animated PNG it takes the first frame.
"""

import tensorflow as tf

PNG = b"\x89PNG\r\n\x1a\n"
JPEG = b"\xff\xd8\xff"
# Width and height of a PNG, of four bytes each, follow the signature and the
# first chunk's length and name.
PNG_SIZE_AT, PNG_SIZE_BYTES = 16, 8


def read_sizes(files: tf.Tensor, role: str) -> tf.Tensor:
    """Reads the sizes of images from their headers, without decoding them.

    Args:
        files: string, `(images,)`.
        role: name of the input, for the error.

    Returns:
        int32, `(images, 2)`, height and width.

    Raises:
        tf.errors.InvalidArgumentError: when the graph runs, if one is neither
            a PNG nor a JPEG. The message names the positions.
    """
    known = tf.logical_or(_begins(files, PNG), _begins(files, JPEG))
    check = tf.debugging.Assert(
        tf.reduce_all(known),
        [
            f"`{role}` must hold PNG or JPEG files; those at these positions "
            "of the batch, counted from 0, are neither:",
            tf.where(tf.logical_not(known))[:, 0],
        ],
    )
    with tf.control_dependencies([check]):
        files = tf.identity(files)
    return tf.map_fn(
        lambda file: tf.cond(
            _begins(file, PNG),
            lambda: _png_size(file),
            lambda: tf.image.extract_jpeg_shape(file)[:2],
        ),
        files,
        fn_output_signature=tf.TensorSpec((2,), tf.int32),
    )


def decode(files: tf.Tensor, resize: tuple[int, int] | None) -> tf.Tensor:
    """Decodes images whose headers `read_sizes` has checked.

    Args:
        files: string, `(images,)`.
        resize: `(height, width)` to resize to, or `None` if all have one size.

    Returns:
        uint8 RGB, `(images, height, width, 3)`.
    """
    return tf.map_fn(
        lambda file: _decode_one(file, resize),
        files,
        fn_output_signature=tf.TensorSpec(
            (*(resize or (None, None)), 3), tf.uint8
        ),
    )


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
        return image
    # Pillow's filter, which rounds to whole levels, as in `load_image`.
    image = tf.image.resize(image, resize, "bilinear", antialias=True)
    return tf.cast(tf.clip_by_value(tf.round(image), 0, 255), tf.uint8)


def _png_size(file):
    # A truncated file reads as 0 x 0, which is too small for every net.
    head = tf.strings.join([file, bytes(PNG_SIZE_AT + PNG_SIZE_BYTES)])
    head = tf.strings.substr(head, PNG_SIZE_AT, PNG_SIZE_BYTES)
    width_and_height = tf.io.decode_raw(head, tf.int32, little_endian=False)
    return tf.reverse(width_and_height, [0])


def _begins(files, signature):
    head = tf.strings.substr(files, 0, len(signature))
    return tf.equal(head, signature)
