"""Reads rows of large image files without holding the whole image."""

import contextlib
import logging
import zlib
from pathlib import Path

import numpy as np

from keras_lpips.images.errors import as_image_error, check_not_misread
from keras_lpips.images.formats import (
    check_before_decoding,
    check_regular_file,
    open_image,
)
from keras_lpips.images.reader import check_pair, load_image

TIFF_SUFFIXES = (".tif", ".tiff")
# An image that is decoded whole takes 3 bytes a pixel: up to 3 GiB.
MOST_HELD_PIXELS = 1 << 30
# Rows are read one by one, so the size is not limited.
_NO_LIMIT = 1 << 62
# A TIFF with larger strips or tiles is decoded whole.
MOST_SEGMENT_BYTES = 1 << 26
LOSSLESS = {"NONE", "LZW", "DEFLATE", "ADOBE_DEFLATE", "PACKBITS", "ZSTD"}


def open_rows(path, resize=None):
    """Opens an image whose rows can be read in slices.

    A TIFF of 8-bit RGB or gray, uncompressed or with a lossless compression
    that tifffile supports, is read by strips or tiles. Any other image is
    decoded whole and held in memory, at 3 bytes a pixel.

    Args:
        path: the file.
        resize: see `load_image`. With it, the image is decoded whole.

    Returns:
        An object with a `shape`, `(height, width, 3)`, whose slices
        `[start:stop]` are uint8 RGB rows.

    Raises:
        ImageError: if it cannot be read, or must be decoded whole and has more
            than 2**30 pixels.
    """
    if resize is None and Path(path).suffix.lower() in TIFF_SUFFIXES:
        _check_header(path)
        # Whatever tifffile does not support, Pillow reads or rejects.
        with contextlib.suppress(Exception), _silenced("tifffile"):
            return TiffRows(path)
    return load_image(path, resize, MOST_HELD_PIXELS)


def open_pair(reference, distorted, resize=None):
    """Opens two images of one size; see `open_rows`."""
    pair = open_rows(reference, resize), open_rows(distorted, resize)
    check_pair(reference, distorted, pair)
    return pair


class TiffRows:
    """The rows of a TIFF, read on demand.

    Args:
        path: the file.

    Raises:
        ValueError: if its layout cannot be read by rows.
    """

    def __init__(self, path):
        import tifffile

        self._path = path
        with tifffile.TiffFile(path) as file:
            self._page = _plain_page(file)
            self.shape = (self._page.imagelength, self._page.imagewidth, 3)
            # Read now, while the caller can still fall back to another reader.
            self._read(0, 1)

    def __getitem__(self, rows):
        """Returns the rows of a slice, uint8 `(rows, width, 3)`."""
        with as_image_error(self._path):
            try:
                return self._read(*rows.indices(self.shape[0])[:2])
            # Decompressors raise their own exceptions.
            except (zlib.error, RuntimeError) as error:
                raise ValueError(error) from None

    def _read(self, start, stop):
        page = self._page
        if page.is_contiguous:
            pixels = self._read_plain(start, stop)
        else:
            pixels = self._read_segments(start, stop)
        return np.repeat(pixels, 3, -1) if pixels.shape[-1] == 1 else pixels

    def _read_plain(self, start, stop):
        page = self._page
        shape = (stop - start, page.imagewidth, page.samplesperpixel)
        row_bytes = shape[1] * shape[2]
        pixels = np.fromfile(
            self._path,
            np.uint8,
            shape[0] * row_bytes,
            offset=page.dataoffsets[0] + start * row_bytes,
        )
        if pixels.size != shape[0] * row_bytes:
            raise ValueError("the file is truncated")
        return pixels.reshape(shape)

    def _read_segments(self, start, stop):
        page = self._page
        height = page.tilelength if page.is_tiled else page.rowsperstrip
        width = page.tilewidth if page.is_tiled else page.imagewidth
        across = -(-page.imagewidth // width)
        pixels = np.zeros(
            (stop - start, page.imagewidth, page.samplesperpixel), np.uint8
        )
        first, last = start // height, (stop - 1) // height
        with open(self._path, "rb") as file:
            for index in range(first * across, (last + 1) * across):
                top = index // across * height
                left = index % across * width
                data = self._segment(file, index)[0]
                begin, end = max(start, top), min(stop, top + data.shape[0])
                part = data[begin - top : end - top, : page.imagewidth - left]
                pixels[begin - start : end - start, left : left + width] = part
        return pixels

    def _segment(self, file, index):
        page = self._page
        file.seek(page.dataoffsets[index])
        data = file.read(page.databytecounts[index])
        if len(data) != page.databytecounts[index]:
            raise ValueError("the file is truncated")
        return page.decode(data, index)[0]


def _check_header(path):
    """Raises `ImageError` where `load_image` would without decoding.

    A height that the file does not hold is found before memory is taken.
    """
    with as_image_error(path):
        check_regular_file(path)
        with (
            open(path, "rb") as file,
            open_image(file, path, _NO_LIMIT) as image,
        ):
            check_not_misread(image, path)
            check_before_decoding(image, path)


@contextlib.contextmanager
def _silenced(name):
    logger = logging.getLogger(name)
    before, logger.disabled = logger.disabled, True
    try:
        yield
    finally:
        logger.disabled = before


def _plain_page(file):
    """Returns a file's page if Pillow would read the same pixels from it."""
    (page,) = file.pages
    width = page.tilewidth if page.is_tiled else page.imagewidth
    height = page.tilelength if page.is_tiled else page.rowsperstrip
    orientation = page.tags.get("Orientation")
    plain = (
        (page.photometric.name, page.samplesperpixel)
        in (("RGB", 3), ("MINISBLACK", 1))
        and page.bitspersample == 8
        and page.sampleformat == 1
        and page.planarconfig == 1
        and page.fillorder == 1
        and page.imagedepth == 1
        and page.compression.name in LOSSLESS
        and (orientation is None or orientation.value == 1)
        and (
            page.is_contiguous
            or height * width * page.samplesperpixel <= MOST_SEGMENT_BYTES
        )
        # Some readers take a missing segment for zeros.
        and all(page.databytecounts)
    )
    if not plain:
        raise ValueError("its layout cannot be read by rows")
    return page
