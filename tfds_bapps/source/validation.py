"""Validates and decodes patches and judgements."""

import io

import numpy as np
from PIL import Image

from tfds_bapps.source.errors import InvalidFileError

# Checked against the PNG's header, before the pixels are decoded.
MAX_PIXELS = 1 << 24
# Shares of votes are stored as float32, in which 1/3 and 0.2 are not exact.
VOTE_TOLERANCE = 1e-6
MAX_ANSWER_BYTES = 4096

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
    if image.mode not in _MODES:
        raise InvalidFileError(
            f"is not of 8 bits per channel (mode {image.mode})"
        )
    return image


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
