"""Reads and writes named arrays, and computes digests of their content."""

import hashlib
import os
from pathlib import Path

import numpy as np

from keras_lpips.atomic_files import open_atomic

# Far more than the weights of any supported network.
MAX_BYTES = 1 << 32
BLOCK_BYTES = 1 << 20


class WeightsError(ValueError):
    """Raised if weights are missing, unreadable or not the expected ones."""


def read_npz(path, max_bytes: int = MAX_BYTES) -> dict[str, np.ndarray]:
    """Reads named arrays, and rejects pickled ones.

    Args:
        path: an `.npz` file.
        max_bytes: most bytes of all arrays together, compared with the
            archive's directory before anything is unpacked. Defaults to
            4 GiB.

    Returns:
        Arrays by name.

    Raises:
        WeightsError: if the file is not a complete `.npz` of plain arrays.
    """
    if os.path.exists(path) and not os.path.isfile(path):
        # Reading a pipe may never end.
        raise WeightsError(f"{path} is not a regular file")
    try:
        # NumPy leaves a damaged file that it opened itself open.
        with (
            open(path, "rb") as file,
            np.load(file, allow_pickle=False) as archive,
        ):
            members = archive.zip.infolist()
            if sum(member.file_size for member in members) > max_bytes:
                raise ValueError(f"it unpacks to more than {max_bytes:,} bytes")
            arrays = {name: archive[name] for name in archive.files}
    except FileNotFoundError:
        raise
    # zipfile, zlib and NumPy raise many exceptions for damaged archives.
    except Exception as error:
        raise WeightsError(
            f"{path} is not a readable .npz of arrays: {error}"
        ) from None
    for name, array in arrays.items():
        if array.dtype.kind not in "fiu":
            raise WeightsError(f"{path}: {name} does not hold real numbers")
    return arrays


def write_npz(path, arrays: dict[str, np.ndarray]) -> None:
    """Writes named arrays atomically; creates the folder if needed."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    # An open file, since `savez` appends a suffix to a path without one.
    with open_atomic(path) as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]


def content_digest(arrays: dict[str, np.ndarray]) -> str:
    """Returns the sha256 of names, shapes and float32 values.

    Equal weights have equal digests in every file format.
    """
    digest = hashlib.sha256()
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name], dtype="<f4")
        digest.update(f"{name} {array.shape}\n".encode())
        digest.update(array.data)
    return digest.hexdigest()


def file_digest(path) -> str:
    """Returns the sha256 of a file."""
    # `hashlib.file_digest` needs Python 3.11.
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(BLOCK_BYTES):
            digest.update(block)
    return digest.hexdigest()


def check_keys(arrays, shapes: dict[str, tuple], what: str) -> None:
    """Raises `WeightsError` unless names and shapes are exactly these.

    Args:
        arrays: arrays by name.
        shapes: the shape that each name must have.
        what: the subject of the error message.
    """
    missing = sorted(set(shapes) - set(arrays))
    surplus = sorted(set(arrays) - set(shapes))
    wrong = [
        f"{name} is {tuple(arrays[name].shape)}, not {tuple(shape)}"
        for name, shape in shapes.items()
        if name in arrays and tuple(arrays[name].shape) != tuple(shape)
    ]
    if missing or surplus or wrong:
        raise WeightsError(
            f"{what} does not match: missing {missing}, unknown {surplus}, "
            f"wrong shape {wrong}"
        )
