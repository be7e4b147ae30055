"""Where the files of BAPPS come from: archives, or a tree of folders.

A source is a folder that holds archives (official or not), a folder that
holds the extracted tree, or one archive.
"""

import hashlib
import re
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
        name: what it is called in messages and in the manifest.
        folder: task and part of files whose path does not say them.
        archive: the official archive that it is said to be, or `None`.
        in_archive: whether it is an archive.
    """

    path: epath.Path
    name: str
    folder: layout.Folder
    archive: published.Archive | None
    in_archive: bool


def find_sources(where: epath.PathLike, task: str) -> list[Source]:
    """Finds what a user's path holds for a task.

    Args:
        where: a folder of archives, a tree, or one archive.
        task: "2afc" or "jnd".

    Returns:
        At least one `Source`. Official archives of the other task are left
        out.

    Raises:
        PreparationError: there is nothing at `where`, or it cannot be read.
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
        folder = _folder_of_words(where.parts[-2:])
        return [Source(where, where.name, folder, None, in_archive=False)]
    sources = [archive_source(path) for path in paths]
    return [
        source
        for source in sources
        if not source.archive or source.archive.folder.task == task
    ]


def archive_source(
    path: epath.Path, archive: published.Archive | None = None
) -> Source:
    """An archive as a source; its file name may say what it holds.

    Args:
        path: the file.
        archive: the official archive that it is. Defaults to the one that
            has its file name, with or without ".gz".
    """
    name = path.name.removesuffix(".gz")
    for known in published.ARCHIVES:
        if archive is None and name == known.file.removesuffix(".gz"):
            archive = known
    if archive is not None:
        return Source(path, archive.file, archive.folder, archive, True)
    words = re.split(r"[^a-z0-9]+", name.lower())
    return Source(path, path.name, _folder_of_words(words), None, True)


def walk(source: Source) -> Iterator[tuple[layout.Folder, str, epath.Path]]:
    """Yields the role folders of a tree.

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
    """The entries of a folder by name, or one sentence why it has none."""
    try:
        return sorted(path.iterdir())
    except OSError as error:
        raise PreparationError(
            f"the folder {path} cannot be read: {error.strerror or error}."
        ) from error


def digest(source: Source) -> str:
    """The sha256 of an archive."""
    sha256 = hashlib.sha256()
    with source.path.open("rb") as file:
        while block := file.read(DIGEST_BLOCK_BYTES):
            sha256.update(block)
    return sha256.hexdigest()


def _subset_folder(source, path, inside):
    above, _, _ = inside.rpartition("/")
    folder = layout.folder_of(above, source.folder)
    return layout.Folder(folder.task, folder.part, path.name)


def _folder_of_words(words: Iterable[str]) -> layout.Folder:
    words = ["2afc" if word == "twoafc" else word for word in words]
    return layout.folder_of("/".join(words), layout.Folder(None, None))
