"""Reads image files as uint8 RGB."""

import contextlib
import io
import operator
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from keras_lpips.atomic_files import open_atomic
from keras_lpips.images.errors import (
    SIXTEEN_BIT_GRAY,
    as_image_error,
    check_not_misread,
)
from keras_lpips.images.formats import (
    PngCompleteness,
    check_before_decoding,
    check_regular_file,
    open_image,
)
from keras_lpips.images.names import is_image, shorten
from keras_lpips.images.validation import ImageError

# EXIF orientations that swap height and width.
ORIENTATION_TAG = 0x0112
SWAPPED = (5, 6, 7, 8)
# Formats that keep the pixels that are written.
LOSSLESS: dict[str, dict] = {".png": {}, ".bmp": {}, ".tif": {}, ".tiff": {}}
LOSSLESS[".webp"] = {"lossless": True}


def load_image(
    source,
    resize: tuple[int, int] | None = None,
    max_pixels: int | None = None,
) -> np.ndarray:
    """Reads an image: PNG, JPEG, WebP, TIFF, BMP, GIF or PNM, by its content.

    Gray is repeated to three channels and palettes are looked up. Alpha is
    dropped, as in the reference and the loader of BAPPS, so the color of a
    transparent pixel counts. The EXIF orientation is applied; a color profile
    is not. Of 16 bits per channel the higher 8 are kept. Of a photograph with
    previews or a gain map inside (MPO), the photograph is read.

    Args:
        source: a path or a `PIL.Image.Image`.
        resize: `(height, width)` in pixels to resize to, with Pillow's
            antialiased bilinear filter; `None` keeps the size. Defaults to
            `None`.
        max_pixels: most height times width, compared with the header. Defaults
            to `None`, twice `PIL.Image.MAX_IMAGE_PIXELS`.

    Returns:
        uint8 RGB, `(height, width, 3)`, [0, 255].

    Raises:
        ImageError: if it cannot be read, is incomplete, has several frames or
            too many pixels, or holds 32-bit or signed values, whose range is
            unknown.
    """
    size = _checked_size(resize)
    if isinstance(source, Image.Image):
        name = getattr(source, "filename", "") or "The image"
        with as_image_error(name):
            return _to_rgb(source, name, size)
    with _opened(source, max_pixels) as image:
        return _to_rgb(image, source, size)


def decode_image(
    data: bytes,
    name,
    resize: tuple[int, int] | None = None,
    max_pixels: int | None = None,
) -> np.ndarray:
    """Reads an image from the bytes of a file.

    Args:
        data: the content of the file.
        name: its name in messages.
        resize: see `load_image`.
        max_pixels: see `load_image`.

    Returns:
        uint8 RGB, as `load_image` returns it.

    Raises:
        ImageError: as `load_image` does.
    """
    size = _checked_size(resize)
    with (
        as_image_error(name),
        open_image(io.BytesIO(data), name, max_pixels) as image,
    ):
        return _to_rgb(image, name, size)


def read_size(path) -> tuple[int, int]:
    """Returns the `(height, width)` of a file's image from its header.

    Raises:
        ImageError: if it cannot be read.
    """
    with _opened(path) as image:
        orientation = image.getexif().get(ORIENTATION_TAG)
        # Pillow rotates TIFFs, and no other format, when it opens them.
        swapped = orientation in SWAPPED and image.format != "TIFF"
        return image.size if swapped else image.size[::-1]


def load_pair(reference, distorted, resize=None):
    """Reads two images of one size.

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
    check_pair(reference, distorted, pair)
    return pair


def check_pair(reference, distorted, pair) -> None:
    """Raises `ImageError` if two images differ in size.

    Args:
        reference: the name of the first in messages.
        distorted: the name of the second.
        pair: the images, or other objects with a `shape`.
    """
    if pair[0].shape != pair[1].shape:
        sizes = " and ".join(f"{x.shape[1]}x{x.shape[0]}" for x in pair)
        raise ImageError(
            f"{reference} and {distorted} are of different sizes, {sizes}; "
            "compare them with `resize` (--resize HEIGHTxWIDTH)"
        )


def list_images(folder) -> tuple[list[Path], list[str]]:
    """Lists the image files of a folder; see `is_image`.

    Hidden files, such as the companions that macOS writes, do not count.

    Returns:
        The images, sorted, and the sorted names of what else the folder holds.

    Raises:
        ImageError: if the folder cannot be listed or holds no image.
    """
    folder = Path(folder)
    try:
        paths = [x for x in sorted(folder.iterdir()) if x.name[0] != "."]
    except OSError as error:
        raise ImageError(f"{folder}: {error.strerror}") from None
    images = list(filter(_is_image, paths))
    skipped = sorted({path.name for path in paths} - {x.name for x in images})
    if not images:
        found = f"; it holds {shorten(skipped)}" if skipped else ""
        raise ImageError(f"{folder} holds no image{found}")
    return images, skipped


def write_image(path, pixels: np.ndarray) -> None:
    """Writes an image file atomically.

    Args:
        path: the file, in one of the formats of `LOSSLESS`.
        pixels: uint8 RGB, `(height, width, 3)`.
    """
    suffix = Path(path).suffix.lower()
    format = Image.registered_extensions()[suffix]
    with open_atomic(path) as file:
        Image.fromarray(pixels).save(file, format, **LOSSLESS[suffix])


def _is_image(path):
    # A broken link is listed, so that reading it fails with its name.
    return (path.is_file() or not path.exists()) and is_image(
        path.name, lambda: open(path, "rb")
    )


def _checked_size(resize):
    if resize is None:
        return None
    try:
        height, width = (operator.index(side) for side in resize)
    except (TypeError, ValueError):
        height = width = 0
    if min(height, width) < 1:
        raise ImageError(
            "`resize` must be (height, width) in whole pixels. "
            f"Received: resize={resize!r}"
        )
    return height, width


@contextlib.contextmanager
def _opened(path, max_pixels=None):
    with as_image_error(path):
        check_regular_file(path)
        with (
            open(path, "rb") as file,
            open_image(file, path, max_pixels) as image,
        ):
            yield image


def _to_rgb(image, name, size):
    check_not_misread(image, name)
    # Here and below, copies are made only where they are needed.
    _load(image, name)
    if image.getexif().get(ORIENTATION_TAG, 1) != 1:
        image = ImageOps.exif_transpose(image)
    if image.mode in SIXTEEN_BIT_GRAY:
        high = (np.asarray(image).astype(np.uint16) >> 8).astype(np.uint8)
        image = Image.fromarray(high)
    if image.mode != "RGB":
        if "transparency" in image.info:
            # Alpha is dropped; Pillow would warn of a palette's.
            image = image.copy()
            del image.info["transparency"]
        image = image.convert("RGB")
    if size is not None:
        image = image.resize(size[::-1], Image.Resampling.BILINEAR)
    return np.asarray(image)


def _load(image, name):
    """Decodes the pixels of an opened image and checks that it is complete."""
    if getattr(image, "fp", None) is None or not getattr(image, "tile", None):
        # Created in memory, or already decoded. Decoding rotates a TIFF and
        # removes its orientation tag.
        image.load()
        return
    check_before_decoding(image, name)
    completeness = PngCompleteness(image)
    image.load()
    completeness.check(image, name)
