"""Converts exceptions of image readers to `ImageError`."""

import contextlib
from collections.abc import Iterator

from keras_lpips.images.validation import ImageError

SIXTEEN_BIT_GRAY = ("I;16", "I;16B", "I;16L", "I;16N")
# TIFF tags, and the values at which Pillow misreads more than 8 bits.
BITS_TAG, INTERPRETATION_TAG, PLANES_TAG = 258, 262, 284
WHITE_IS_ZERO, SEPARATE_PLANES = 0, 2


@contextlib.contextmanager
def as_image_error(name) -> Iterator[None]:
    """Converts exceptions raised in the block to `ImageError`.

    `MemoryError` is not converted: it is not an error of the image.

    Args:
        name: the path of the image, or its name in messages.
    """
    try:
        yield
    except (ImageError, MemoryError):
        raise
    except FileNotFoundError:
        raise ImageError(f"{name} does not exist") from None
    except OSError as error:
        reason = error.strerror or str(error)
        raise ImageError(f"{name} cannot be read: {reason}") from None
    # Pillow's plugins raise exceptions of many types for damaged files.
    except Exception as error:
        reason = str(error) or type(error).__name__
        raise ImageError(f"{name} cannot be used: {reason}") from None


def check_not_misread(image, name) -> None:
    """Raises `ImageError` if Pillow would misread the pixels.

    Args:
        image: a `PIL.Image.Image`.
        name: its name in messages.
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
        tags.get(PLANES_TAG) == SEPARATE_PLANES
        or (is_gray and bits != 16)
        or (is_gray and tags.get(INTERPRETATION_TAG) == WHITE_IS_ZERO)
    ):
        raise ImageError(
            f"{name} is a TIFF whose {bits} bits per channel are stored in a "
            "way that Pillow misreads; convert it to PNG"
        )
