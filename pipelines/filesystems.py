"""Reads and writes files on Beam's filesystems: local, GCS, S3, HDFS."""

import contextlib
import os
import queue
import re
import threading
import uuid
from collections.abc import Callable, Iterator
from typing import TypeVar

from apache_beam.io.filesystem import CompressionTypes
from apache_beam.io.filesystems import FileSystems

from keras_lpips.images.formats import check_regular_file

# Prefix of temporary files, which a lost worker leaves behind.
PARTIAL_PREFIX = ".partial-"
WILDCARDS = re.compile(r"[*?\[]")

Result = TypeVar("Result")


def read_bytes(
    path: str,
    reserve: Callable[[int], None] | None = None,
    seconds: float | None = None,
) -> bytes:
    """Returns the content of a file.

    Args:
        path: path of the file.
        reserve: called with its size in bytes before it is read.
        seconds: longest time to open, and to read, a file that is not local.
            Defaults to `None`, no limit.

    Raises:
        ImageError: a local path is not a regular file, such as a pipe.
        OSError: it cannot be read, or takes longer.
        ValueError: there is no filesystem for such an address.
    """
    if FileSystems.get_scheme(path) is None:
        check_regular_file(path)
        seconds = None
    file = call_within(seconds, lambda: open_file(path))
    with file:
        if reserve is None:
            return call_within(seconds, file.read)
        # For remote storage, opening the file has already fetched its size.
        size = file.seek(0, os.SEEK_END)
        reserve(size)
        file.seek(0)
        return call_within(seconds, lambda: file.read(size))


def call_within(
    seconds: float | None, function: Callable[[], Result]
) -> Result:
    """Calls a function with a time limit and returns its result.

    Args:
        seconds: the time limit; `None` for no limit.
        function: function to call in a new thread, which is abandoned when it
            takes longer.

    Raises:
        TimeoutError: it took longer. Exceptions of the function are raised,
            too.
    """
    if seconds is None:
        return function()
    results: queue.SimpleQueue = queue.SimpleQueue()

    def call():
        try:
            results.put((function(), None))
        except BaseException as error:
            results.put((None, error))

    threading.Thread(target=call, daemon=True).start()
    try:
        result, error = results.get(timeout=seconds)
    except queue.Empty:
        raise TimeoutError(f"no answer within {seconds:g} s") from None
    if error is not None:
        raise error
    return result


def open_file(path: str):
    """Opens a file for reading, without decompressing it.

    Raises:
        OSError: it cannot be opened.
    """
    return FileSystems.open(
        path, compression_type=CompressionTypes.UNCOMPRESSED
    )


@contextlib.contextmanager
def open_atomic(path: str) -> Iterator:
    """Opens a temporary binary file beside `path` and renames it at the end.

    An error in the block removes it and leaves `path` as it was.

    Raises:
        OSError: naming `path`, if it cannot be written.
    """
    folder, name = FileSystems.split(path)
    partial = FileSystems.join(
        folder, f"{PARTIAL_PREFIX}{uuid.uuid4().hex}-{name}"
    )
    try:
        with FileSystems.create(
            partial, compression_type=CompressionTypes.UNCOMPRESSED
        ) as file:
            yield file
        FileSystems.rename([partial], [path])
    except BaseException as error:
        with contextlib.suppress(OSError):
            FileSystems.delete([partial])
        if isinstance(error, OSError):
            raise OSError(error.errno, sentence(error), path) from error
        raise


def write_bytes(path: str, data: bytes) -> None:
    """Writes a file atomically."""
    with open_atomic(path) as file:
        file.write(data)


def exists(path: str) -> bool:
    """Returns whether a file or folder exists."""
    return FileSystems.exists(path)


def list_files(pattern: str) -> list[str]:
    """Returns matching files, sorted; `*` stops at a slash, `**` does not.

    Raises:
        OSError: the folder cannot be listed.
    """
    return [file.path for file in match_files(pattern)]


def match_files(pattern: str) -> list:
    """Returns what a filesystem knows of matching files, sorted by path.

    Raises:
        OSError: the folder cannot be listed.
    """
    # Beam finds nothing for a local pattern without a folder.
    if _is_magic(pattern.partition("/")[0]):
        pattern = f"./{pattern}"
    fixed = fixed_part(pattern)
    # Beam has no way to quote a wildcard.
    escaped = WILDCARDS.sub("?", fixed) + pattern[len(fixed) :]
    files = FileSystems.match([escaped])[0].metadata_list
    if _is_magic(fixed):
        below = f"{fixed}/" if fixed != pattern else fixed
        files = [file for file in files if file.path.startswith(below)]
    return sorted(files, key=lambda file: file.path)


def fixed_part(pattern: str) -> str:
    """Returns the leading folders of a pattern that stand for themselves.

    A name with wildcards stands for itself if it exists, as a folder "[2024]".
    """
    fixed: list[str] = []
    for part in pattern.split("/"):
        path = "/".join([*fixed, part])
        if _is_magic(part) and not exists(path):
            break
        fixed.append(part)
    else:
        # The whole is no pattern, but the path of a file.
        return pattern
    return "/".join(fixed)


def _is_magic(part):
    return WILDCARDS.search(part) is not None


def make_folder(path: str) -> None:
    """Creates a folder and its parents, where the filesystem has folders.

    Raises:
        OSError: naming `path`, if it cannot be made.
    """
    try:
        FileSystems.mkdirs(path)
    except OSError as error:
        raise OSError(error.errno, sentence(error), path) from error


def remove_folder(path: str) -> None:
    """Removes a folder and its content, if it exists."""
    FileSystems.delete(list_files(FileSystems.join(path, "**")))
    # The empty folder is left where filesystems have folders.
    if exists(path):
        FileSystems.delete([path])


def sentence(error: OSError) -> str:
    """Returns an error's message without the names of exceptions."""
    details = getattr(error, "exception_details", None)
    # Beam wraps errors in its own exceptions and in others of the same type.
    inner = next(iter(details.values())) if details else error.args[:1]
    inner = inner[0] if isinstance(inner, tuple) and inner else inner
    if isinstance(inner, OSError):
        return sentence(inner)
    return error.strerror or str(error)
