"""Results of long work, kept as they come, so that a stopped run can go on."""

import contextlib
import hashlib
import json
import os
from pathlib import Path

from keras_lpips.atomic_files import replacing


def fingerprint(paths, settings) -> str:
    """Changes with the settings and the files' places, sizes and times.

    Args:
        paths: `Path`s of the files that a value depends on.
        settings: what else it depends on, as JSON can hold it.
    """
    digest = hashlib.sha256(json.dumps(settings, sort_keys=True).encode())
    for path in paths:
        try:
            stat = path.stat()
            state = (str(path.resolve()), stat.st_size, stat.st_mtime_ns)
        except OSError as error:
            state = (str(path), error.errno)
        digest.update(repr(state).encode())
    return digest.hexdigest()


class ResumeLog:
    """A file beside the output that lives until the output is whole.

    Every line holds a key and the value that belongs to it. A line that was
    cut in the middle is dropped.

    Args:
        output: the file that the run makes.
    """

    def __init__(self, output):
        output = Path(output)
        self.path = output.with_name(f".{output.name}.journal")
        self._entries = self._read_entries()

    def values(self) -> dict:
        """Returns by key what earlier runs finished."""
        return dict(self._entries)

    @contextlib.contextmanager
    def writing(self):
        """Gives a function of `(key, value)`, safe against a kill.

        A key is a string that changes with all that the value depends on; the
        value is what JSON can hold.

        Raises:
            OSError: naming the journal, if its folder takes no file.
        """
        # Written anew first, which drops a line that was cut.
        with replacing(self.path) as partial:
            lines = map(json.dumps, self._entries)
            partial.write_text("".join(f"{line}\n" for line in lines))
        with open(self.path, "ab", buffering=0) as file:

            def note(key, value):
                line = f"{json.dumps([key, value])}\n".encode()
                try:
                    while line:
                        line = line[file.write(line) :]
                    os.fsync(file.fileno())
                except OSError as error:
                    raise OSError(
                        error.errno, error.strerror, str(self.path)
                    ) from None

            yield note

    def remove(self) -> None:
        """Ends the journal, when the output is whole."""
        self.path.unlink(missing_ok=True)

    def _read_entries(self):
        try:
            text = self.path.read_text(errors="replace")
        except FileNotFoundError:
            return []
        entries = []
        for line in text.split("\n"):
            try:
                key, value = json.loads(line)
            except (ValueError, TypeError):
                break
            entries.append((key, value))
        return entries
