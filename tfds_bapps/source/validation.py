"""Validates and decodes patches and judgements."""

import io
import struct
import zlib

import numpy as np
from PIL import Image

from tfds_bapps.source.errors import InvalidFileError

# Checked against the PNG's header, before the pixels are decoded.
MAX_PIXELS = 1 << 24
# Shares of votes are stored as float32, in which 1/3 and 0.2 are not exact.
VOTE_TOLERANCE = 1e-6
MAX_ANSWER_BYTES = 4096

# Samples per pixel by a PNG's color type, and the first column, first row and
# steps of each pass of an interlaced PNG.
_SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_WHOLE = ((0, 0, 1, 1),)
_ADAM7 = (
    *((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4)),
    *((0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)),
)
_INFLATE_BYTES = 1 << 20

_MODES = ("1", "L", "LA", "P", "PA", "RGB", "RGBA")


def read_patch(data: bytes) -> Image.Image:
    """Decodes a patch.

    Args:
        data: the bytes of a PNG file.

    Returns:
        A loaded PIL image of 8 bits per channel, in any mode of PIL.

    Raises:
        InvalidFileError: the bytes are not a complete PNG, the image is too
            large, or it has more than 8 bits per channel.
    """
    if not data:
        raise InvalidFileError("is empty")
    try:
        # `verify` compares the chunks' checksums and closes the image.
        Image.open(io.BytesIO(data), formats=["PNG"]).verify()
        image = Image.open(io.BytesIO(data), formats=["PNG"])
        width, height = image.size
        if width * height <= MAX_PIXELS:
            image.load()
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise InvalidFileError(f"has more than {MAX_PIXELS} pixels") from None
    except Image.UnidentifiedImageError:
        raise InvalidFileError("is not a PNG image") from None
    except Exception as error:
        # Pillow's PNG reader raises OSError, SyntaxError, ValueError,
        # struct.error and zlib.error for damaged files.
        raise InvalidFileError(f"cannot be decoded: {error}") from None
    if width * height > MAX_PIXELS:
        raise InvalidFileError(
            f"is {width} x {height}: more than {MAX_PIXELS} pixels"
        )
    # Pillow leaves missing rows black: patches with another last row need no
    # second decompression.
    last_row = image.crop((0, height - 1, width, height)).tobytes()
    suspect = "interlace" in image.info or not any(last_row)
    if suspect and _pixel_bytes(data) < _expected_bytes(data):
        raise InvalidFileError("has fewer rows than its header states")
    if image.mode not in _MODES:
        raise InvalidFileError(
            f"is not of 8 bits per channel (mode {image.mode})"
        )
    return image


def _expected_bytes(data: bytes) -> int:
    """Returns the bytes of a PNG's filtered rows, by its header."""
    width, height, depth, color, _, _, interlaced = struct.unpack_from(
        ">IIBBBBB", data, 16
    )
    total = 0
    for column, row, across, down in _ADAM7 if interlaced else _WHOLE:
        columns = -(-(width - column) // across)
        rows = -(-(height - row) // down)
        if columns > 0 and rows > 0:
            bits = columns * depth * _SAMPLES[color]
            total += rows * (1 + -(-bits // 8))
    return total


def _pixel_bytes(data: bytes) -> int:
    """Returns the bytes that a PNG's image data decompress to."""
    stream = zlib.decompressobj()
    total = 0
    at = 8
    while at + 8 <= len(data):
        (size,) = struct.unpack_from(">I", data, at)
        if data[at + 4 : at + 8] == b"IDAT":
            packed = data[at + 8 : at + 8 + size]
            while packed and not stream.eof:
                total += len(stream.decompress(packed, _INFLATE_BYTES))
                packed = stream.unconsumed_tail
        at += 12 + size
    return total


def read_answer(data: bytes, votes: int | None) -> np.float32:
    """Reads a judgement.

    Args:
        data: the bytes of a `.npy` file.
        votes: judgements per triplet, or `None` if they are not known.

    Returns:
        float32 scalar in [0, 1].

    Raises:
        InvalidFileError: the file does not hold one such number, or it is
            not a multiple of 1 / `votes`.
    """
    if not data:
        raise InvalidFileError("is empty")
    if len(data) > MAX_ANSWER_BYTES:
        raise InvalidFileError(f"is not one number but {len(data)} bytes")
    try:
        answer = np.load(io.BytesIO(data), allow_pickle=False)
    except Exception as error:
        # NumPy raises ValueError, EOFError, SyntaxError and others.
        reason = str(error).split("\n")[0].rstrip(".")
        raise InvalidFileError(f"cannot be read: {reason}") from None
    if not isinstance(answer, np.ndarray):
        raise InvalidFileError("is not a .npy file")
    if answer.dtype != np.float32:
        raise InvalidFileError(f"holds {answer.dtype}, not float32")
    if answer.shape not in ((), (1,)):
        raise InvalidFileError(f"has the shape {answer.shape}, not (1,)")
    value = np.float32(answer.item())
    if not np.isfinite(value):
        raise InvalidFileError(f"is {value}")
    if not 0 <= value <= 1:
        raise InvalidFileError(f"is {value}, not in [0, 1]")
    if votes and abs(value - _nearest_share(value, votes)) > VOTE_TOLERANCE:
        raise InvalidFileError(f"is {value}, not a multiple of 1/{votes}")
    return value


def _nearest_share(value, votes):
    return round(float(value) * votes) / votes
