"""Named arrays: reading, writing and a digest that no file format changes."""

import hashlib
from pathlib import Path

import numpy as np

from keras_lpips.atomic_files import replacing


class WeightsError(ValueError):
    """Weights are missing, unreadable or not the ones that they should be."""


def read_npz(path) -> dict[str, np.ndarray]:
    """Reads named arrays; pickled ones are refused.

    Args:
        path: an `.npz` file.

    Returns:
        Arrays by name.

    Raises:
        WeightsError: if the file is not a whole `.npz` of plain arrays.
    """
    try:
        # NumPy leaves a damaged file that it opened itself open.
        with (
            open(path, "rb") as file,
            np.load(file, allow_pickle=False) as archive,
        ):
            arrays = {name: archive[name] for name in archive.files}
    except FileNotFoundError:
        raise
    # Whatever a damaged archive makes zipfile, zlib or NumPy raise.
    except Exception as error:
        raise WeightsError(
            f"{path} is not a readable .npz of arrays: {error}"
        ) from None
    for name, array in arrays.items():
        if array.dtype.kind not in "fiu":
            raise WeightsError(f"{path}: {name} holds no real numbers")
    return arrays


def write_npz(path, arrays: dict[str, np.ndarray]) -> None:
    """Writes named arrays beside `path`, then renames: all or nothing."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as partial:
        np.savez(partial, **arrays)


def content_digest(arrays: dict[str, np.ndarray]) -> str:
    """Returns the sha256 of names, shapes and float32 values.

    The same weights have the same digest whichever file they came in.
    """
    digest = hashlib.sha256()
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name], dtype="<f4")
        digest.update(f"{name} {array.shape}\n".encode())
        digest.update(array.data)
    return digest.hexdigest()


def file_digest(path) -> str:
    """Returns the sha256 of a file."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check_keys(arrays, shapes: dict[str, tuple], what: str) -> None:
    """Raises `WeightsError` unless names and shapes are exactly these.

    Args:
        arrays: arrays by name.
        shapes: the shape that each name must have.
        what: what the arrays are called in the message.
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
            f"{what} does not fit: missing {missing}, unknown {surplus}, "
            f"of another shape {wrong}"
        )
