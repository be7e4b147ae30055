"""Files that appear whole or not at all."""

import contextlib
import csv
import json
import os
import re
import tempfile
from pathlib import Path

ESCAPE = "surrogateescape"
# What `tempfile` makes of our prefix: a killed process cannot remove it.
PREFIX = ".partial-"
PARTIAL = re.compile(re.escape(PREFIX) + r"[a-z0-9_]{8}(\.\w+)?")


@contextlib.contextmanager
def replacing(path):
    """Gives a temporary path beside `path`, renamed to it at the end.

    An error on the way removes the temporary file and leaves `path` as it
    was.

    Args:
        path: the file to write. Its folder must exist.

    Yields:
        The temporary path, with the same suffix.

    Raises:
        OSError: naming `path`, if it cannot be written.
    """
    # A link stays one: what it leads to is replaced.
    path = Path(os.path.realpath(path))
    partial = None
    try:
        handle, partial = tempfile.mkstemp(
            dir=path.parent, prefix=PREFIX, suffix=path.suffix
        )
        os.close(handle)
        yield Path(partial)
        os.chmod(partial, 0o666 & ~_umask())
        os.replace(partial, path)
    except BaseException as error:
        if partial is not None:
            Path(partial).unlink(missing_ok=True)
        if isinstance(error, OSError):
            reason = error.strerror or str(error)
            raise OSError(error.errno, reason, str(path)) from error
        raise


@contextlib.contextmanager
def replacing_all(*paths):
    """Gives temporary paths that are renamed together at the end.

    Yields:
        One path for each; see `replacing`.
    """
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(replacing(path)) for path in paths]


@contextlib.contextmanager
def made_folder(path):
    """Makes a folder and those above it; an error removes them if empty.

    Made at first, a folder that cannot be written is known before the work.

    Args:
        path: the folder; one that is there already stays.

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
            # It may hold something by now.
            with contextlib.suppress(OSError):
                folder.rmdir()
        raise


def remove_partial(folder) -> None:
    """Removes what killed processes were writing into a folder.

    Only where no other process is at work: its files would go, too.
    """
    for path in Path(folder).iterdir():
        if PARTIAL.fullmatch(path.name) and path.is_file():
            path.unlink()


def write_csv(path, header, rows) -> None:
    """Writes a CSV file, whole or not at all."""
    with (
        replacing(path) as partial,
        # Names of files that are no UTF-8 are written as they are.
        open(partial, "w", newline="", encoding="utf-8", errors=ESCAPE) as file,
    ):
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows(rows)


def write_json(path, value) -> None:
    """Writes a JSON file, whole or not at all."""
    with replacing(path) as partial:
        partial.write_text(to_json(value) + "\n")


def to_json(value) -> str:
    """Returns strict JSON, ASCII, without NaN and Infinity."""
    return json.dumps(value, indent=2, allow_nan=False)


def _umask():
    mask = os.umask(0)
    os.umask(mask)
    return mask
