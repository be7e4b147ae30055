"""The supported image formats, detected from a file's content.

Pillow's other plugins never receive a file: some start programs, such as
Ghostscript, and each would have to be safe on malicious files.
"""

import math
import os
import stat
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import IO

from PIL import (
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    ImageFile,
    JpegImagePlugin,
    PngImagePlugin,
    PpmImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from keras_lpips.images.validation import ImageError

# Signatures and opener by format. JPEG includes MPO.
FORMATS: dict[str, tuple[tuple[bytes, ...], Callable]] = {
    "PNG": ((b"\x89PNG\r\n\x1a\n",), PngImagePlugin.PngImageFile),
    "JPEG": ((b"\xff\xd8\xff",), JpegImagePlugin.jpeg_factory),
    "WebP": ((b"RIFF",), WebPImagePlugin.WebPImageFile),
    "TIFF": (
        (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"),
        TiffImagePlugin.TiffImageFile,
    ),
    "BMP": ((b"BM",), BmpImagePlugin.BmpImageFile),
    "GIF": ((b"GIF87a", b"GIF89a"), GifImagePlugin.GifImageFile),
    "PNM": (
        tuple(b"P%d" % kind for kind in range(1, 7)),
        PpmImagePlugin.PpmImageFile,
    ),
}
FIRST_BYTES = 16
# A progressive JPEG of many scans takes minutes to decode.
MAX_SCANS = 200
START_OF_SCAN = b"\xff\xda"
# TIFF tags: offsets and lengths of strips and of tiles, rows of a strip, size
# of a tile, planes.
STRIPS, TILES = (273, 279), (324, 325)
ROWS_TAG, TILE_WIDTH_TAG, TILE_LENGTH_TAG, PLANES_TAG = 278, 322, 323, 284
SAMPLES_TAG, SEPARATE_PLANES = 277, 2
# How many times its size a TIFF's compression can unpack to: none, LZW, the two
# names of deflate, PackBits. Others have no limit.
COMPRESSION_TAG, BITS_TAG = 259, 258
MAX_RATIOS = {1: 1, 5: 4096, 8: 1100, 32946: 1100, 32773: 128}
# Samples that may be stored at a lower resolution.
INTERPRETATION_TAG, YCBCR = 262, 6
# First column, first row and steps of the passes of an interlaced PNG.
ADAM7 = (
    *((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8)),
    *((2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)),
)
# Samples per pixel by a PNG's color type.
PNG_SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
CHUNK_BYTES = 1 << 16


def open_image(
    file: IO[bytes], name, max_pixels: int | None = None
) -> ImageFile.ImageFile:
    """Opens an image whose content is in one of `FORMATS`.

    Pillow's `Image.open` is not used, since it also accepts other formats and
    keeps its limit in a global variable.

    Args:
        file: a seekable binary file.
        name: its path, or its name in messages.
        max_pixels: most height times width, compared with the header. Defaults
            to `None`, twice `PIL.Image.MAX_IMAGE_PIXELS`, as Pillow has it.

    Returns:
        The image with its header read and its pixels not yet decoded.

    Raises:
        ImageError: if it is in another format or has too many pixels.
    """
    first = file.read(FIRST_BYTES)
    image = None
    for signatures, open_format in FORMATS.values():
        if first.startswith(signatures):
            file.seek(0)
            path = name if isinstance(name, (str, os.PathLike)) else ""
            is_path = hasattr(file, "fileno") and os.path.exists(path)
            image = open_format(file, os.fspath(path) if is_path else "")
            break
    if image is None:
        raise ImageError(
            f"{name} is not an image that can be read "
            f"({', '.join(FORMATS)} are)"
        )
    limit = default_max_pixels() if max_pixels is None else max_pixels
    if math.prod(image.size) > limit:
        raise ImageError(
            f"{name} has more than {limit:,} pixels and is rejected, since "
            "it may be a decompression bomb"
        )
    return image


def default_max_pixels() -> float:
    """Returns twice Pillow's limit, or infinity if it is disabled."""
    limit = Image.MAX_IMAGE_PIXELS
    return math.inf if limit is None else 2 * limit


def check_regular_file(path) -> None:
    """Raises `ImageError` for a pipe, a socket or a device.

    Reading one may never end.

    Raises:
        OSError: if there is no such file.
    """
    mode = os.stat(path).st_mode
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        raise ImageError(f"{path} is not a regular file")


def check_before_decoding(image, name) -> None:
    """Raises `ImageError` if a file cannot be complete, or takes too long.

    Args:
        image: an image whose header is read.
        name: its name in messages.
    """
    if image.format == "TIFF":
        _check_tiff_segments(image, name)
    elif image.format in ("JPEG", "MPO") and image.info.get("progressive"):
        position = image.fp.tell()
        image.fp.seek(0)
        scans = image.fp.read().count(START_OF_SCAN)
        image.fp.seek(position)
        if scans > MAX_SCANS:
            raise ImageError(
                f"{name} is a JPEG of {scans} scans; at most {MAX_SCANS} are "
                "decoded"
            )


class PngCompleteness:
    """Checks that a PNG holds all of its rows.

    Pillow decodes missing rows as black if the compressed data end properly.

    Args:
        image: an image that is not decoded yet. Formats other than PNG are
            always complete.
    """

    def __init__(self, image):
        self._file = image.fp if image.format == "PNG" else None

    def check(self, image, name) -> None:
        """Raises `ImageError` if rows are missing.

        Args:
            image: the decoded image.
            name: its name in messages.
        """
        if self._file is None:
            return
        height = image.size[1]
        # The data are unpacked again only if the last rows are black. The last
        # rows of an interlaced image belong to its last two passes.
        box = (0, max(0, height - 2), image.size[0], height)
        last = image.crop(box)
        rows = [last.crop((0, y, last.size[0], y + 1)) for y in (0, 1)]
        if all(row.tobytes().strip(b"\0") for row in rows[: last.size[1]]):
            return
        if self._file.closed:
            # Pillow has closed the file, which it had opened itself.
            content = Path(image.filename).read_bytes()
        else:
            self._file.seek(0)
            content = self._file.read()
        found, expected = _png_data_bytes(content)
        if found < expected:
            raise ImageError(
                f"{name} is truncated: it holds {found:,} of {expected:,} "
                "bytes of rows"
            )


def _png_data_bytes(content):
    """Returns the actual and the expected number of bytes of the rows."""
    width, height = (int.from_bytes(content[i : i + 4]) for i in (16, 20))
    bits, color_type, interlaced = content[24], content[25], content[28]
    pixel_bits = bits * PNG_SAMPLES[color_type]
    expected = 0
    for left, top, across, down in ADAM7 if interlaced else ((0, 0, 1, 1),):
        columns = -(-max(0, width - left) // across)
        rows = -(-max(0, height - top) // down)
        if columns:
            # Each row begins with its filter type.
            expected += rows * (1 + (columns * pixel_bits + 7) // 8)
    inflate, found, at = zlib.decompressobj(), 0, 8
    while at + 8 <= len(content) and found < expected:
        length = int.from_bytes(content[at : at + 4])
        data = content[at + 8 : at + 8 + length]
        if content[at + 4 : at + 8] == b"IDAT":
            while data and not inflate.eof and found < expected:
                found += len(inflate.decompress(data, CHUNK_BYTES))
                data = inflate.unconsumed_tail
        at += 12 + length
    return found + len(inflate.flush()), expected


def _check_tiff_segments(image, name):
    """Raises `ImageError` unless the file holds every strip or tile."""
    tags = image.tag_v2
    (offsets_tag, counts_tag) = STRIPS if STRIPS[0] in tags else TILES
    offsets = _integers(tags, offsets_tag)
    counts = _integers(tags, counts_tag)
    width, height = image.size
    # Pillow rotates the image when it opens it; the tags hold the stored size.
    width, height = tags.get(256, width), tags.get(257, height)
    if offsets_tag == STRIPS[0]:
        expected = -(-height // min(tags.get(ROWS_TAG, height), height))
    else:
        tile = tags.get(TILE_WIDTH_TAG, 0), tags.get(TILE_LENGTH_TAG, 0)
        if min(tile) < 1:
            raise ImageError(f"{name} is a TIFF with tiles of no size")
        expected = -(-width // tile[0]) * -(-height // tile[1])
    if tags.get(PLANES_TAG) == SEPARATE_PLANES:
        expected *= tags.get(SAMPLES_TAG, 1)
    size = image.fp.seek(0, os.SEEK_END)
    if len(offsets) < expected or len(offsets) != len(counts):
        raise ImageError(
            f"{name} is a TIFF with {len(offsets)} of {expected} strips or "
            "tiles"
        )
    if any(
        count < 1 or offset + count > size
        for offset, count in zip(offsets, counts, strict=True)
    ):
        raise ImageError(
            f"{name} is truncated: strips or tiles are beyond its end"
        )
    ratio = MAX_RATIOS.get(tags.get(COMPRESSION_TAG, 1))
    if ratio and tags.get(INTERPRETATION_TAG) != YCBCR:
        bits = sum(_integers(tags, BITS_TAG)) or 1
        if width * height * bits // 8 > sum(counts) * ratio:
            raise ImageError(
                f"{name} is a TIFF of {width}x{height} pixels with too few "
                "bytes for them"
            )


def _integers(tags, tag):
    values = tags.get(tag, ())
    return values if isinstance(values, tuple) else (values,)
