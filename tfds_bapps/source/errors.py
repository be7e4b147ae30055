"""Errors found in a source, and the exceptions that report them."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, order=True)
class FileError:
    """A file of the source that is missing or invalid.

    Attributes:
        triplet: split and name of the triplet, or the name of an archive
            member that belongs to no triplet.
        source: the archive, or the folder of the subset.
        file: name of the file inside `source`.
        reason: reason, a predicate to the file's name.
        split: the triplet's split. Defaults to "", no triplet.
    """

    triplet: str
    source: str
    file: str
    reason: str
    split: str = ""

    def __str__(self):
        """Returns one sentence that names the file."""
        return f"{self.source}: {self.file} {self.reason}"


class InvalidFileError(Exception):
    """A file is invalid; the message is a predicate to its name."""


class PreparationError(Exception):
    """The dataset cannot be prepared; the message is meant for the user."""


class NoTripletsError(PreparationError):
    """The source holds no triplets of the task or of the selected splits."""


def check_tolerance(tolerate: int, errors: Iterable[FileError]) -> None:
    """Raises an error that lists all errors of too many invalid triplets.

    Args:
        tolerate: number of invalid triplets that are accepted.
        errors: all errors of the source.

    Raises:
        PreparationError: more than `tolerate` triplets are invalid.
    """
    errors = sorted(errors)
    invalid = len({error.triplet for error in errors})
    if invalid > tolerate:
        listing = "\n".join(f"  {error}" for error in errors)
        raise PreparationError(
            f"{invalid} invalid triplets or members, {tolerate} tolerated:\n"
            f"{listing}"
        )
