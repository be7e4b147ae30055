"""A log of finished results, from which an interrupted run resumes."""

import contextlib
import hashlib
import json
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from keras_lpips.atomic_files import atomic_path


def fingerprint(paths: Iterable[Path], settings: dict) -> str:
    """Returns a digest of settings and of files' paths, sizes and times.

    Args:
        paths: `Path`s of the files that a result depends on.
        settings: other settings that it depends on, as JSON values.
    """
    digest = hashlib.sha256(json.dumps(settings, sort_keys=True).encode())
    for path in paths:
        try:
            stat = path.stat()
            state = f"{path.resolve()} {stat.st_size} {stat.st_mtime_ns}"
        except OSError as error:
            state = f"{path} {error.errno}"
        # Names may contain line breaks, and bytes that are not UTF-8.
        digest.update(repr(state).encode())
    return digest.hexdigest()


class ResumeLog:
    """A file beside the output that exists until the output is complete.

    Every line holds a key and a value. A truncated line is dropped.

    Args:
        output: the file that the run writes.
    """

    def __init__(self, output: Path):
        output = Path(output)
        self.path = output.with_name(f".{output.name}.resume")
        self._entries = self._read_entries()

    def values(self) -> dict:
        """Returns the values that earlier runs recorded, by key."""
        return dict(self._entries)

    @contextlib.contextmanager
    def writing(self) -> Iterator[Callable[[str, object], None]]:
        """Opens the log for writing.

        Yields:
            A function that records a key and its value, a JSON value, on the
            disk. The key changes with everything that the value depends on.

        Raises:
            OSError: naming the log, if it cannot be written.
        """
        # Rewritten first, which drops a truncated line.
        with atomic_path(self.path) as partial:
            lines = map(json.dumps, self._entries)
            partial.write_text("".join(f"{line}\n" for line in lines))
        with open(self.path, "ab", buffering=0) as file:

            def record(key, value):
                line = f"{json.dumps([key, value])}\n".encode()
                try:
                    while line:
                        line = line[file.write(line) :]
                    os.fsync(file.fileno())
                except OSError as error:
                    raise OSError(
                        error.errno, error.strerror, str(self.path)
                    ) from None

            yield record

    def remove(self) -> None:
        """Removes the log, once the output is complete."""
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
