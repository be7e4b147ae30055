"""Reads and validates the files of triplets: the examples of the dataset."""

import hashlib
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, BinaryIO

from etils import epath

from tfds_bapps.source import layout, resize, validation
from tfds_bapps.source.errors import (
    FileError,
    InvalidFileError,
    PreparationError,
)
from tfds_bapps.source.triplets import Triplets


@dataclass(frozen=True)
class Example:
    """A valid triplet.

    Attributes:
        features: PNG bytes by patch, the answer as float32 in [0, 1],
            `subset` and `id` as text.
        sizes: the patches' stored sizes, "width x height".
    """

    features: dict[str, Any]
    sizes: list[str]


def read_examples(
    triplets: Triplets,
    votes: int | None,
    shorter_side: int | None,
    sha256: "hashlib._Hash | None" = None,
) -> Iterator[Example | list[FileError]]:
    """Reads triplets in order.

    Args:
        triplets: the triplets to read.
        votes: judgements per triplet, or `None` if they are not known.
        shorter_side: height or width to which patches are resized, or `None`.
        sha256: updated with all files, roles in order. Defaults to none.

    Yields:
        For each triplet the example, or the errors of its files.

    Raises:
        PreparationError: the archive itself cannot be read.
    """
    task = layout.TASKS[triplets.task]
    with ExitStack() as stack:
        # Archives store one role after another: each of these file objects
        # reads one role sequentially.
        archives = [
            stack.enter_context(_open_archive(triplets.path))
            for _ in task.roles
            if triplets.in_archive
        ]
        for row in range(len(triplets)):
            name = triplets.names[row].decode()
            features = {"subset": triplets.subset, "id": name}
            sizes = []
            errors = []
            for column, role in enumerate(task.roles):
                file = triplets.file(role, name)
                size = int(triplets.sizes[row, column])
                try:
                    if archives:
                        offset = int(triplets.offsets[row, column])
                        data = _read_member(
                            archives[column], triplets.path, offset, size
                        )
                    else:
                        data = _read_file(f"{triplets.path}/{file}", size)
                    if len(data) != size:
                        raise InvalidFileError("has changed since the index")
                    if sha256:
                        sha256.update(data)
                    if role == task.answer:
                        features[role] = validation.read_answer(data, votes)
                        continue
                    image = validation.read_patch(data)
                    features[role] = resize.encode_patch(
                        image, data, shorter_side
                    )
                    width, height = resize.resized_size(
                        image.size, shorter_side
                    )
                    sizes.append(f"{width}x{height}")
                except InvalidFileError as error:
                    split = triplets.split
                    errors.append(
                        FileError(
                            *(f"{split}/{name}", triplets.path, file),
                            *(str(error), split),
                        )
                    )
            yield errors or Example(features, sizes)


def _open_archive(path: str) -> BinaryIO:
    try:
        return epath.Path(path).open("rb")
    except OSError as error:
        raise PreparationError(f"{path} cannot be read: {error}.") from error


def _read_member(archive: BinaryIO, path: str, offset: int, size: int) -> bytes:
    try:
        archive.seek(offset)
        return archive.read(size)
    except OSError as error:
        raise PreparationError(f"{path} cannot be read: {error}.") from error


def _read_file(path: str, size: int) -> bytes:
    try:
        with epath.Path(path).open("rb") as file:
            return file.read(size + 1)
    except OSError as error:
        reason = error.strerror or error
        raise InvalidFileError(f"cannot be read: {reason}") from None
