"""Finds the sources at a path: archives, or an extracted tree of folders."""

import hashlib
import os
import re
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from etils import epath

from tfds_bapps.source import layout, published
from tfds_bapps.source.errors import PreparationError

ARCHIVE_SUFFIXES = (".tar", ".tar.gz", ".tgz")
DIGEST_BLOCK_BYTES = 1 << 20


@dataclass(frozen=True)
class Source:
    """An archive or a tree.

    Attributes:
        path: the file or folder.
        name: its name in messages and in the manifest.
        folder: default task and part, for paths that do not name them.
        archive: the published archive that has this file name, or `None`.
        in_archive: whether it is an archive.
    """

    path: epath.Path
    name: str
    folder: layout.Folder
    archive: published.Archive | None
    in_archive: bool


def find_sources(where: epath.PathLike, task: str) -> list[Source]:
    """Finds the sources of a task at a path.

    Args:
        where: a folder of archives, a tree, or one archive.
        task: "2afc" or "jnd".

    Returns:
        The sources, without the published archives of the other task.

    Raises:
        PreparationError: the path does not exist or cannot be read.
    """
    where = epath.Path(where).expanduser()
    try:
        if not where.exists():
            raise PreparationError(f"{where} does not exist.")
        if not where.is_dir():
            return [archive_source(where)]
        paths = sorted(
            path
            for path in where.iterdir()
            if path.name.endswith(ARCHIVE_SUFFIXES)
        )
    except OSError as error:
        raise PreparationError(f"{where} cannot be read: {error}.") from error
    if not paths:
        folder = _parse_words(where.parts[-2:])
        return [Source(where, where.name, folder, None, in_archive=False)]
    sources = [archive_source(path) for path in paths]
    return [
        source
        for source in sources
        if not source.archive or source.archive.task == task
    ]


def archive_source(
    path: epath.Path, archive: published.Archive | None = None
) -> Source:
    """Returns the `Source` of an archive; parses task and part from its name.

    Args:
        path: the file.
        archive: the published archive that it is. Defaults to the one that
            has its file name, with or without ".gz".

    Raises:
        PreparationError: the path is not a regular file.
    """
    if file_size(path) is None:
        # Opening a named pipe would block forever.
        raise PreparationError(f"{path} is not a regular file.")
    name = path.name.removesuffix(".gz")
    for known in published.ARCHIVES:
        if archive is None and name == known.file.removesuffix(".gz"):
            archive = known
    if archive is not None:
        folder = layout.Folder(archive.task, archive.part)
        return Source(path, archive.file, folder, archive, True)
    words = re.split(r"[^a-z0-9]+", name.lower())
    return Source(path, path.name, _parse_words(words), None, True)


def walk(source: Source) -> Iterator[tuple[layout.Folder, str, epath.Path]]:
    """Walks the role folders of a tree.

    Yields:
        The subset's folder, the role, and the role's folder on disk.

    Raises:
        PreparationError: a folder cannot be read.
    """
    waiting = [(source.path, "")]
    while waiting:
        path, inside = waiting.pop()
        for child in list_folder(path):
            if child.name in layout.ROLES:
                yield _subset_folder(source, path, inside), child.name, child
            elif child.name[0] not in "._" and child.is_dir():
                waiting.append((child, f"{inside}/{child.name}"))


def list_folder(path: epath.Path) -> list[epath.Path]:
    """Lists a folder in the order of names.

    Raises:
        PreparationError: the folder cannot be read.
    """
    try:
        return sorted(path.iterdir())
    except OSError as error:
        raise PreparationError(
            f"the folder {path} cannot be read: {error.strerror or error}."
        ) from error


def file_size(path: epath.Path) -> int | None:
    """Returns the size of a regular file in bytes, otherwise `None`.

    Raises:
        OSError: the path does not exist or cannot be read.
    """
    if "://" in os.fspath(path):
        found = path.stat()
        return None if found.is_directory else found.length
    # Not `path.stat()`, which fails if the owner's user id has no name.
    found = os.stat(path)
    return found.st_size if stat.S_ISREG(found.st_mode) else None


def digest(path: epath.Path) -> str:
    """Returns the sha256 of a file."""
    sha256 = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(DIGEST_BLOCK_BYTES):
            sha256.update(block)
    return sha256.hexdigest()


def _subset_folder(source, path, inside):
    above, _, _ = inside.rpartition("/")
    folder = layout.parse_folders(above, source.folder)
    return layout.Folder(folder.task, folder.part, path.name)


def _parse_words(words: Iterable[str]) -> layout.Folder:
    words = ["2afc" if word == "twoafc" else word for word in words]
    return layout.parse_folders("/".join(words), layout.Folder(None, None))
