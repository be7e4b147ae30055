"""Finds the offset and size of each member of a tar archive in one pass.

Only headers are read; members are never extracted. `tarfile` parses them,
including long names, PAX and GNU headers. It interprets a damaged header as the
end of the archive and does not validate sizes in headers, so both are checked
here.
"""

import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import BinaryIO

from tfds_bapps.source.errors import PreparationError

_BLOCK = tarfile.BLOCKSIZE
# Headers that hold a long name or PAX records, which `tarfile` reads whole.
_EXTENSIONS = (
    tarfile.GNUTYPE_LONGNAME,
    tarfile.GNUTYPE_LONGLINK,
    tarfile.XHDTYPE,
    tarfile.XGLTYPE,
    tarfile.SOLARIS_XHDTYPE,
)
_MAX_EXTENSION_BYTES = 1 << 20


@dataclass(frozen=True)
class Member:
    """A member of an archive that is not a folder.

    Attributes:
        path: its name in the archive.
        offset: offset of its bytes in the archive.
        size: number of its bytes.
        error: why it is invalid, or `None`.
    """

    path: str
    offset: int
    size: int
    error: str | None


class _Header(tarfile.TarInfo):
    """A header whose size is checked before `tarfile` acts on it."""

    @classmethod
    def frombuf(cls, buf, encoding, errors):
        header = super().frombuf(buf, encoding, errors)
        if header.size < 0:
            raise ValueError("a member has a negative size")
        if header.type in _EXTENSIONS and header.size > _MAX_EXTENSION_BYTES:
            raise ValueError(f"a header extension has {header.size} bytes")
        return header


def read_members(file: BinaryIO, archive: str) -> Iterator[Member]:
    """Yields the members of a plain tar, in the order of the archive.

    Args:
        file: the archive, open for reading and seekable.
        archive: its name, for messages.

    Yields:
        A `Member` for each member that is not a folder.

    Raises:
        PreparationError: the file is not a tar, is damaged, or ends too early.
    """
    end = 0
    try:
        tar = tarfile.open(fileobj=file, mode="r:", tarinfo=_Header)
    except Exception as error:
        raise _damaged(archive, error) from error
    while True:
        try:
            info = tar.next()
        except Exception as error:
            # For damaged headers, `tarfile` raises exceptions of many types.
            raise _damaged(archive, error) from error
        if info is None:
            break
        # Otherwise `tarfile` keeps all headers in memory.
        tar.members = []  # type: ignore[attr-defined]
        if info.size < 0 or info.offset_data < end:
            # PAX records replace the header's size.
            raise _damaged(archive, "a member has a negative size")
        blocks = -(-info.size // _BLOCK) if info.isreg() else 0
        end = info.offset_data + blocks * _BLOCK
        if not info.isdir():
            yield Member(info.name, info.offset_data, info.size, _error(info))
    file.seek(end)
    mark = file.read(_BLOCK)
    if len(mark) < _BLOCK:
        raise PreparationError(
            f"{archive} is cut off: it ends at byte {end + len(mark)} without "
            "the end-of-archive marker."
        )
    if mark.strip(b"\0"):
        raise PreparationError(
            f"{archive} is damaged: there is no valid tar header at byte {end}."
        )


def _damaged(archive, reason):
    return PreparationError(
        f"{archive} is not a complete tar archive: {reason}."
    )


def _error(info: tarfile.TarInfo) -> str | None:
    path = PurePosixPath(info.name)
    if path.is_absolute() or ".." in path.parts:
        return "has a name that leads out of the archive"
    if info.issym() or info.islnk():
        return f"is a link to {info.linkname!r}, not a file"
    if not info.isreg() or info.issparse():
        return "is not a regular file"
    if not is_utf8(info.name):
        return "has a name that is not UTF-8"
    return None


def is_utf8(name: str) -> bool:
    """Returns whether the bytes of a decoded name are valid UTF-8."""
    # Python decodes other bytes to surrogates.
    return not any("\ud800" <= letter <= "\udfff" for letter in name)
