"""Where each member of a tar archive lies, found in one pass.

Only headers are read; members are never extracted. `tarfile` reads them, so
long names, PAX and GNU headers are understood, but it takes a damaged header
for the end of the archive: the end is therefore checked here.
"""

import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import BinaryIO

from tfds_bapps.source.errors import PreparationError

_BLOCK = tarfile.BLOCKSIZE


@dataclass(frozen=True)
class Member:
    """A member of an archive that is not a folder.

    Attributes:
        path: its name in the archive.
        offset: where its bytes begin in the archive.
        size: how many there are.
        fault: why it is not taken, or `None`.
    """

    path: str
    offset: int
    size: int
    fault: str | None


def read_members(file: BinaryIO, archive: str) -> Iterator[Member]:
    """Yields the members of a plain tar, in the order of the archive.

    Args:
        file: the archive, open for reading and seekable.
        archive: its name, for messages.

    Yields:
        A `Member` for each member that is not a folder.

    Raises:
        PreparationError: the file is no tar, is damaged, or ends too early.
    """
    end = 0
    try:
        with tarfile.open(fileobj=file, mode="r:") as tar:
            while (info := tar.next()) is not None:
                # tarfile keeps every header that it has read.
                tar.members = []
                blocks = -(-info.size // _BLOCK) if info.isreg() else 0
                end = info.offset_data + blocks * _BLOCK
                if not info.isdir():
                    yield Member(
                        info.name, info.offset_data, info.size, _fault(info)
                    )
    except tarfile.ReadError as error:
        raise PreparationError(
            f"{archive} is not a whole tar archive: {error}."
        ) from error
    file.seek(end)
    mark = file.read(_BLOCK)
    if len(mark) < _BLOCK:
        raise PreparationError(
            f"{archive} is cut off: it ends at byte {end + len(mark)} without "
            "the mark of the end of an archive."
        )
    if mark.strip(b"\0"):
        raise PreparationError(
            f"{archive} is damaged: the header at byte {end} is not one of tar."
        )


def _fault(info: tarfile.TarInfo) -> str | None:
    path = PurePosixPath(info.name)
    if path.is_absolute() or ".." in path.parts:
        return "has a name that leads out of the archive"
    if info.issym() or info.islnk():
        return f"is a link to {info.linkname!r}, not a file"
    if not info.isreg() or info.issparse():
        return "is not a plain file"
    if any("\ud800" <= letter <= "\udfff" for letter in info.name):
        return "has a name that is not UTF-8"
    return None
