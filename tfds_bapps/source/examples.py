"""Reads and validates the files of a triplet: one example of the dataset."""

import hashlib
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

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


class ExampleReader:
    """Reads triplets by their rows in the index; a context manager.

    Args:
        triplets: the triplets to be read.
        votes: judgements per triplet, or `None` if they are not known.
        shorter_side: height or width to which patches are resized, or `None`.

    Attributes:
        sha256: digest over all files read so far, roles in order.
    """

    def __init__(
        self, triplets: Triplets, votes: int | None, shorter_side: int | None
    ):
        self.sha256 = hashlib.sha256()
        self._triplets = triplets
        self._votes = votes
        self._shorter_side = shorter_side
        self._task = layout.TASKS[triplets.task]
        self._open_archives = {}
        self._stack = ExitStack()

    def __enter__(self):
        """Returns the reader."""
        return self

    def __exit__(self, *error):
        """Closes the archive."""
        self._stack.close()

    def read(self, row: int) -> Example | list[FileError]:
        """Reads one triplet.

        Returns:
            The example, or the errors of its files.

        Raises:
            PreparationError: the archive itself cannot be read.
        """
        name = self._triplets.names[row].decode()
        features = {"subset": self._triplets.subset, "id": name}
        sizes = []
        errors = []
        for column, role in enumerate(self._task.roles):
            try:
                data = self._bytes(role, name, row, column)
                self.sha256.update(data)
                if role == self._task.answer:
                    features[role] = validation.read_answer(data, self._votes)
                else:
                    image = validation.read_patch(data)
                    features[role] = resize.stored_patch(
                        image, data, self._shorter_side
                    )
                    size = resize.resized(image.size, self._shorter_side)
                    sizes.append("x".join(map(str, size)))
            except InvalidFileError as error:
                errors.append(self._error(role, name, error))
        return errors or Example(features, sizes)

    def _error(self, role, name, error):
        return FileError(
            f"{self._triplets.split}/{name}",
            self._triplets.path,
            self._triplets.file(role, name),
            str(error),
            self._triplets.split,
        )

    def _bytes(self, role, name, row, column):
        size = int(self._triplets.sizes[row, column])
        if self._triplets.in_archive:
            file = self._archive(role)
            try:
                file.seek(int(self._triplets.offsets[row, column]))
                data = file.read(size)
            except OSError as error:
                raise PreparationError(
                    f"{self._triplets.path} cannot be read: {error}."
                ) from error
        else:
            try:
                inside = self._triplets.file(role, name)
                path = epath.Path(self._triplets.path) / inside
                with path.open("rb") as file:
                    data = file.read(size + 1)
            except OSError as error:
                reason = error.strerror or error
                raise InvalidFileError(f"cannot be read: {reason}") from None
        if len(data) != size:
            raise InvalidFileError("has another size than in the index")
        return data

    def _archive(self, role):
        """Returns the archive, opened once for each role.

        Archives hold one role after another, so each of these files is read
        from start to end.
        """
        if role not in self._open_archives:
            try:
                file = epath.Path(self._triplets.path).open("rb")
            except OSError as error:
                raise PreparationError(
                    f"{self._triplets.path} cannot be read: {error}."
                ) from error
            self._open_archives[role] = self._stack.enter_context(file)
        return self._open_archives[role]
