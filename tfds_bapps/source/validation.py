"""What a patch and a judgement must be to be taken."""

import io

import numpy as np
from PIL import Image

from tfds_bapps.source.errors import BadFile

# A bomb of pixels is refused from the PNG's header, before it is decoded.
MAX_PIXELS = 1 << 24
# A share of votes is stored as float32: 1/3 and 0.2 are not exact.
VOTE_TOLERANCE = 1e-6
MAX_ANSWER_BYTES = 4096

_MODES = ("1", "L", "LA", "P", "PA", "RGB", "RGBA")


def read_patch(data: bytes) -> Image.Image:
    """Decodes a patch.

    Args:
        data: the bytes of a PNG file.

    Returns:
        A loaded PIL image of 8 bits per channel, in any of PIL's modes for
        them.

    Raises:
        BadFile: the bytes are no whole PNG, or too large, or of more bits.
    """
    if not data:
        raise BadFile("is empty")
    try:
        # `verify` compares the chunks' checksums and spends the image.
        Image.open(io.BytesIO(data), formats=["PNG"]).verify()
        image = Image.open(io.BytesIO(data), formats=["PNG"])
        width, height = image.size
        if width * height <= MAX_PIXELS:
            image.load()
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise BadFile(f"has more than {MAX_PIXELS} pixels") from None
    except Image.UnidentifiedImageError:
        raise BadFile("is not a PNG image") from None
    except Exception as error:
        # Pillow's PNG reader raises OSError, SyntaxError, ValueError,
        # struct.error and zlib.error for damaged files.
        raise BadFile(f"cannot be decoded: {error}") from None
    if width * height > MAX_PIXELS:
        raise BadFile(f"is {width} x {height}: more than {MAX_PIXELS} pixels")
    if image.mode not in _MODES:
        raise BadFile(f"is not of 8 bits per channel (mode {image.mode})")
    return image


def read_answer(data: bytes, votes: int | None) -> np.float32:
    """Reads a judgement.

    Args:
        data: the bytes of a `.npy` file.
        votes: judgements per triplet, or `None` if they are not known.

    Returns:
        float32 scalar in [0, 1].

    Raises:
        BadFile: the file does not hold one such number, or it is no multiple
            of 1 / `votes`.
    """
    if not data:
        raise BadFile("is empty")
    if len(data) > MAX_ANSWER_BYTES:
        raise BadFile(f"is not one number but {len(data)} bytes")
    try:
        answer = np.load(io.BytesIO(data), allow_pickle=False)
    except Exception as error:
        # NumPy raises ValueError, EOFError, SyntaxError and others.
        reason = str(error).split("\n")[0].rstrip(".")
        raise BadFile(f"cannot be read: {reason}") from None
    if not isinstance(answer, np.ndarray):
        raise BadFile("is not a .npy file")
    if answer.dtype != np.float32:
        raise BadFile(f"holds {answer.dtype}, not float32")
    if answer.shape not in ((), (1,)):
        raise BadFile(f"has the shape {answer.shape}, not (1,)")
    value = answer.reshape(())[()]
    if not np.isfinite(value):
        raise BadFile(f"is {value}")
    if not 0 <= value <= 1:
        raise BadFile(f"is {value}, not in [0, 1]")
    if votes and abs(value - _nearest_share(value, votes)) > VOTE_TOLERANCE:
        raise BadFile(f"is {value}, no multiple of 1/{votes}")
    return value


def _nearest_share(value, votes):
    return round(float(value) * votes) / votes
