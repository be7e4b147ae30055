"""Reading images: any common file to uint8 RGB, or one sentence why not."""

import contextlib
import warnings
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from keras_lpips.image_checks import ImageError
from keras_lpips.output import replacing

# What `list_images` takes for an image.
SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff")
ORIENTATION_TAG = 0x0112
SIXTEEN_BIT_GRAY = ("I;16", "I;16B", "I;16L", "I;16N")


def load_image(source, resize=None) -> np.ndarray:
    """Reads an image.

    Gray is repeated to three channels and palettes are looked up. Alpha is
    dropped, as the reference and the loader of BAPPS do, so what lies under a
    transparent pixel counts. The EXIF orientation is applied. Of 16 bits per
    channel the higher 8 are kept.

    Args:
        source: a path or a `PIL.Image.Image`.
        resize: `(height, width)` in pixels to resize to, with Pillow's
            antialiased bilinear filter; `None` keeps the size. Defaults to
            `None`.

    Returns:
        uint8 RGB, `(height, width, 3)`, [0, 255].

    Raises:
        ImageError: if it cannot be read, has several frames, is too large
            (Pillow's limit against decompression bombs) or holds 32-bit
            values, whose range is unknown.
    """
    if isinstance(source, Image.Image):
        return _to_rgb(source, "the image", resize)
    with _opened(source) as image:
        return _to_rgb(image, source, resize)


def read_size(path) -> tuple[int, int]:
    """Returns `(height, width)` from a file's head, as `load_image` gives it.

    Raises:
        ImageError: if it cannot be read.
    """
    with _opened(path) as image:
        # EXIF orientations from 5 on swap the sides.
        swapped = image.getexif().get(ORIENTATION_TAG, 1) >= 5
        return image.size if swapped else image.size[::-1]


def load_pair(reference, distorted, resize=None):
    """Reads two images that are to be compared.

    Args:
        reference: see `load_image`.
        distorted: see `load_image`.
        resize: see `load_image`.

    Returns:
        Two uint8 RGB arrays of one shape.

    Raises:
        ImageError: also if the sizes differ and `resize` is `None`.
    """
    pair = load_image(reference, resize), load_image(distorted, resize)
    if pair[0].shape != pair[1].shape:
        sizes = " and ".join(f"{x.shape[1]}x{x.shape[0]}" for x in pair)
        raise ImageError(
            f"{reference} and {distorted} are of different sizes, {sizes}; "
            "give a size to resize both to"
        )
    return pair


def list_images(folder) -> list[Path]:
    """Returns the image files of a folder, by name, not of its subfolders.

    Raises:
        ImageError: if the folder cannot be listed or holds no image.
    """
    folder = Path(folder)
    try:
        files = sorted(path for path in folder.iterdir() if path.is_file())
    except OSError as error:
        raise ImageError(f"{folder}: {error.strerror}") from None
    images = [path for path in files if path.suffix.lower() in SUFFIXES]
    if not images:
        raise ImageError(f"{folder} holds no image ({', '.join(SUFFIXES)})")
    return images


def write_image(path, pixels: np.ndarray) -> None:
    """Writes uint8 RGB `(height, width, 3)`, beside `path`, then renames."""
    with replacing(path) as partial:
        Image.fromarray(pixels).save(partial, format=_format_of(path))


@contextlib.contextmanager
def _opened(path):
    """Opens an image, and turns what may go wrong into one sentence."""
    try:
        with warnings.catch_warnings():
            # Pillow warns of a bomb at half the size at which it refuses one.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(path) as image:
                yield image
    except ImageError:
        raise
    except Image.DecompressionBombError:
        raise ImageError(
            f"{path} has more than {2 * Image.MAX_IMAGE_PIXELS:,} pixels and "
            "is refused, since it may be a decompression bomb"
        ) from None
    except UnidentifiedImageError:
        raise ImageError(f"{path} is not an image that can be read") from None
    except FileNotFoundError:
        raise ImageError(f"{path} does not exist") from None
    except OSError as error:
        reason = error.strerror or str(error)
        raise ImageError(f"{path} cannot be read: {reason}") from None
    except (SyntaxError, ValueError, EOFError) as error:
        raise ImageError(f"{path} is damaged: {error}") from None


def _format_of(path):
    suffix = Path(path).suffix.lower()
    known = Image.registered_extensions()
    if suffix not in known:
        raise ImageError(f"{path}: no image format is called {suffix!r}")
    return known[suffix]


def _to_rgb(image, name, resize):
    frames = getattr(image, "n_frames", 1)
    if frames > 1:
        raise ImageError(f"{name} has {frames} frames; one is needed")
    if image.mode in ("I", "F"):
        raise ImageError(
            f"{name} holds 32-bit values, whose range is unknown; convert it "
            "to 8 or 16 bits"
        )
    image = ImageOps.exif_transpose(image)
    if image.mode in SIXTEEN_BIT_GRAY:
        high = (np.asarray(image).astype(np.uint16) >> 8).astype(np.uint8)
        image = Image.fromarray(high)
    image = image.convert("RGB")
    if resize is not None:
        height, width = resize
        image = image.resize((width, height), Image.Resampling.BILINEAR)
    return np.asarray(image)
