"""Rows of long work, kept as they come, so that a stopped run can go on."""

import contextlib
import json
import os
from pathlib import Path

from keras_lpips.image_checks import ImageError


class Journal:
    """A file beside the output that lives until the output is whole.

    Its first line holds the run's settings; every other line holds a list of
    rows that were finished together. A line that was cut in the middle is
    dropped.

    Args:
        output: the file that the run makes.
        settings: what the rows depend on, as JSON can hold it.

    Raises:
        ImageError: if there is a journal of other settings.
    """

    def __init__(self, output, settings: dict):
        output = Path(output)
        self.path = output.with_name(f".{output.name}.journal")
        self._head = json.dumps({"settings": settings}, sort_keys=True)
        self._lines = self._read_lines()

    def rows(self) -> list:
        """Returns the rows that an earlier run finished."""
        return [row for line in self._lines[1:] for row in json.loads(line)]

    @contextlib.contextmanager
    def writing(self):
        """Gives a function that adds a list of rows, safe against a kill."""
        # Rewritten first, which drops a line that was cut.
        with open(self.path, "w") as file:
            for line in self._lines or [self._head]:
                file.write(f"{line}\n")

            def note(rows):
                file.write(f"{json.dumps(rows)}\n")
                file.flush()
                os.fsync(file.fileno())

            yield note

    def remove(self) -> None:
        """Ends the journal, when the output is whole."""
        self.path.unlink(missing_ok=True)

    def _read_lines(self):
        if not self.path.exists():
            return []
        *lines, cut = self.path.read_text().split("\n")
        del cut
        if lines and lines[0] != self._head:
            raise ImageError(
                f"{self.path} belongs to a run with other images or settings; "
                "repeat that one, or remove the file to start anew"
            )
        return lines
