"""What may be wrong with an image, each in one sentence that names it."""

import contextlib
import struct
import warnings

from PIL import Image, UnidentifiedImageError

from keras_lpips.images.validation import ImageError

SIXTEEN_BIT_GRAY = ("I;16", "I;16B", "I;16L", "I;16N")
# TIFF tags, and the values at which Pillow misreads more than 8 bits.
BITS_TAG, INTERPRETATION_TAG, PLANES_TAG = 258, 262, 284
WHITE_IS_ZERO, PLANES_APART = 0, 2


@contextlib.contextmanager
def as_image_error(name):
    """Raises as `ImageError` what goes wrong inside, without warnings.

    Args:
        name: the path of the image, or what it is called.
    """
    try:
        with warnings.catch_warnings():
            # On the way to an error, or of what does not touch the pixels.
            warnings.simplefilter("ignore")
            yield
    except ImageError:
        raise
    except Image.DecompressionBombError:
        raise ImageError(
            f"{name} has more than {2 * Image.MAX_IMAGE_PIXELS:,} pixels and "
            "is refused, since it may be a decompression bomb"
        ) from None
    except UnidentifiedImageError:
        raise ImageError(f"{name} is not an image that can be read") from None
    except FileNotFoundError:
        raise ImageError(f"{name} does not exist") from None
    except OSError as error:
        reason = error.strerror or str(error)
        raise ImageError(f"{name} cannot be read: {reason}") from None
    # Pillow's decoders let these through on files that were tampered with.
    except (
        SyntaxError,
        ValueError,
        EOFError,
        TypeError,
        LookupError,
        ArithmeticError,
        struct.error,
    ) as error:
        raise ImageError(f"{name} cannot be used: {error}") from None


@contextlib.contextmanager
def pixel_limit(pixels):
    """Raises Pillow's limit against decompression bombs, inside.

    Args:
        pixels: the largest height times width that is not refused.
    """
    before = Image.MAX_IMAGE_PIXELS
    # Pillow warns above its limit and refuses above twice that.
    Image.MAX_IMAGE_PIXELS = pixels // 2
    try:
        yield
    finally:
        Image.MAX_IMAGE_PIXELS = before


def check_not_misread(image, name) -> None:
    """Raises `ImageError` if Pillow would not give the pixels as meant.

    Args:
        image: a `PIL.Image.Image`.
        name: what it is called.
    """
    frames = getattr(image, "n_frames", 1)
    if frames > 1 and image.format != "MPO":
        raise ImageError(f"{name} has {frames} frames; one is needed")
    if image.mode in ("I", "F"):
        raise ImageError(
            f"{name} holds 32-bit or signed values, whose range is unknown; "
            "convert it to 8 or 16 bits"
        )
    tags = getattr(image, "tag_v2", {})
    bits = max(tags.get(BITS_TAG, (8,)))
    is_gray = image.mode in SIXTEEN_BIT_GRAY
    if bits > 8 and (
        tags.get(PLANES_TAG) == PLANES_APART
        or (is_gray and bits != 16)
        or (is_gray and tags.get(INTERPRETATION_TAG) == WHITE_IS_ZERO)
    ):
        raise ImageError(
            f"{name} is a TIFF whose {bits} bits per channel are stored in a "
            "way that Pillow misreads; convert it to PNG"
        )
