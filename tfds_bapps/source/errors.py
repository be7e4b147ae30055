"""What can be wrong with a source, and how it is said."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, order=True)
class Problem:
    """A bad or missing file of one triplet.

    Attributes:
        triplet: split and name of the triplet, or the archive's member where
            it belongs to none.
        source: the archive, or the subset's folder.
        file: the file's name inside it.
        reason: what is wrong with it, to be read after the file's name.
    """

    triplet: str
    source: str
    file: str
    reason: str

    def __str__(self):
        """One sentence that names the file."""
        return f"{self.source}: {self.file} {self.reason}"


class BadFile(Exception):
    """A file that cannot be used; the message is read after its name."""


class PreparationError(Exception):
    """The dataset cannot be prepared; the message is for the user."""


def check_tolerance(tolerate: int, problems: Iterable[Problem]) -> None:
    """Raises `PreparationError` that lists `problems` if there are too many.

    Args:
        tolerate: how many bad triplets are accepted.
        problems: all that was found.

    Raises:
        PreparationError: more triplets than `tolerate` are bad.
    """
    problems = sorted(problems)
    bad = len({problem.triplet for problem in problems})
    if bad > tolerate:
        listing = "\n".join(f"  {problem}" for problem in problems)
        raise PreparationError(
            f"{bad} bad triplets or members, {tolerate} tolerated:\n{listing}"
        )
