"""Writes local files atomically."""

import contextlib
import csv
import json
import os
import re
import secrets
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

ESCAPE = "surrogateescape"
# Names of the temporary files, which a killed process leaves behind.
PREFIX = ".partial-"
PARTIAL = re.compile(re.escape(PREFIX) + r"[a-z0-9_]{8}(\.\w+)?")


@contextlib.contextmanager
def open_atomic(path, mode: str = "wb", **options) -> Iterator[IO]:
    """Opens a temporary file beside `path` and renames it at the end.

    An error in the block removes the temporary file and leaves `path` as it
    was. If `path` is a symbolic link, it stays one, and its target is replaced.

    Args:
        path: the file to write. Its folder must exist.
        mode: as in `open`. Defaults to "wb".
        **options: as in `open`.

    Yields:
        The open file. Prefer it to the path of `atomic_path`: a library that is
        given a path may write to another, such as one with a suffix appended.

    Raises:
        OSError: naming `path`, if it cannot be written.
    """
    with atomic_path(path) as partial, open(partial, mode, **options) as file:
        yield file


@contextlib.contextmanager
def atomic_path(path) -> Iterator[Path]:
    """Yields a temporary path beside `path`, renamed to it at the end.

    For libraries that take only paths; see `open_atomic`.

    Args:
        path: the file to write. Its folder must exist.

    Yields:
        The temporary path, with the suffix of `path`. It must be written
        itself: a file of another name is not renamed.

    Raises:
        OSError: naming `path`, if it cannot be written.
    """
    path = Path(path)
    target = Path(os.path.realpath(path))
    # The suffix of the name that was given: the target of a link may have
    # another, or none.
    name = f"{PREFIX}{secrets.token_hex(4)}{path.suffix}"
    partial = target.with_name(name)
    try:
        # With the mode that the umask gives to new files.
        partial.touch(exist_ok=False)
        yield partial
        os.replace(partial, target)
    except BaseException as error:
        partial.unlink(missing_ok=True)
        if isinstance(error, OSError):
            reason = error.strerror or str(error)
            raise OSError(error.errno, reason, str(path)) from error
        raise


@contextlib.contextmanager
def atomic_paths(*paths) -> Iterator[list[Path]]:
    """Yields temporary paths that are renamed together at the end.

    Yields:
        One path for each; see `atomic_path`.
    """
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(atomic_path(path)) for path in paths]


@contextlib.contextmanager
def create_folder(path) -> Iterator[Path]:
    """Creates a folder and its parents; an error removes the empty ones.

    Finds out before the work begins whether the folder can be written.

    Args:
        path: the folder. One that exists already is kept.

    Yields:
        Its `Path`.
    """
    path = Path(path)
    new = [folder for folder in (path, *path.parents) if not folder.exists()]
    try:
        path.mkdir(parents=True, exist_ok=True)
        yield path
    except BaseException:
        for folder in new:
            # The folder may hold other files by now.
            with contextlib.suppress(OSError):
                folder.rmdir()
        raise


def remove_partial(folder, older_than: float = 0.0) -> None:
    """Removes the temporary files that killed processes left in a folder.

    Where other processes write, theirs are removed, too, unless they are
    younger.

    Args:
        folder: the folder.
        older_than: least age in seconds. Defaults to 0, all.
    """
    newest = time.time() - older_than
    for path in Path(folder).iterdir():
        if PARTIAL.fullmatch(path.name) and path.is_file():
            # Another process may remove it at the same time.
            with contextlib.suppress(FileNotFoundError):
                if path.stat().st_mtime <= newest:
                    path.unlink()


def write_csv(path, header, rows) -> None:
    """Writes a CSV file atomically."""
    # File names that are not UTF-8 are written as the bytes that they are.
    options = {"newline": "", "encoding": "utf-8", "errors": ESCAPE}
    with open_atomic(path, "w", **options) as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows(rows)


def write_json(path, value) -> None:
    """Writes a JSON file atomically."""
    with open_atomic(path, "w") as file:
        file.write(to_json(value) + "\n")


def to_json(value) -> str:
    """Returns strict JSON, ASCII, without NaN and Infinity."""
    return json.dumps(value, indent=2, allow_nan=False)
