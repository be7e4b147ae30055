"""Builds the index of a source: the triplets of its splits."""

import gzip
import logging
import shutil
import zlib
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from etils import epath

from tfds_bapps.source import archives, layout, tar_index
from tfds_bapps.source.errors import FileError, PreparationError
from tfds_bapps.source.triplets import SubsetTable, Triplets

_GZIP_MAGIC = b"\x1f\x8b"
_COPY_BYTES = 1 << 20
# Archives of patches compress by a factor of 3 at most, zeros by 1000. Files
# smaller than the floor are unpacked at any ratio.
MAX_GZIP_RATIO = 100
GZIP_RATIO_FLOOR_BYTES = 64 << 20

_log = logging.getLogger(__name__)


@dataclass
class Index:
    """The triplets of one or several sources.

    Attributes:
        splits: the complete triplets, by split.
        errors: files that are missing, exist twice, or are not regular files.
        ignored: number of files that belong to no triplet.
    """

    splits: dict[str, Triplets] = field(default_factory=dict)
    errors: list[FileError] = field(default_factory=list)
    ignored: int = 0

    def add_split(self, triplets: Triplets) -> None:
        """Adds a split.

        Raises:
            PreparationError: another source has the same split.
        """
        other = self.splits.get(triplets.split)
        if other is not None:
            raise PreparationError(
                f"the split {triplets.split} is both in {other.path} and in "
                f"{triplets.path}; leave one of them out."
            )
        self.splits[triplets.split] = triplets


def index_source(source: archives.Source, task: str) -> Index:
    """Indexes the triplets of one task in an archive or a tree.

    One pass over the headers of the archive, or over the folders of the tree.

    Args:
        source: a tree, or an archive that `plain_archive` returned.
        task: "2afc" or "jnd"; subsets of the other task are ignored.

    Returns:
        The `Index` of the source.

    Raises:
        PreparationError: the archive is damaged, a folder cannot be read, or
            a subset's part or name is not valid.
    """
    index = Index()
    read = _read_archive if source.in_archive else _read_tree
    tables = read(source, index)
    for _, table in sorted(tables.items(), key=lambda item: str(item[0])):
        if table.task != task:
            continue
        if not layout.is_split_word(table.folder.subset):
            raise PreparationError(
                f"{source.name}: the subset folder {table.folder.subset!r} "
                "must be named by letters, digits and underscores."
            )
        triplets, errors = table.join()
        index.errors += errors
        index.add_split(triplets)
    return index


def merge(indexes: Iterable[Index]) -> Index:
    """Merges the indexes of several sources.

    Raises:
        PreparationError: two of them have the same split.
    """
    merged = Index()
    for index in indexes:
        merged.errors += index.errors
        merged.ignored += index.ignored
        for triplets in index.splits.values():
            merged.add_split(triplets)
    return merged


def plain_archive(
    source: archives.Source, scratch: epath.Path
) -> archives.Source:
    """Returns an archive whose bytes can be read by offset.

    A gzip stream can only be read from its start, so a compressed archive
    is decompressed once, to one plain tar; members are not extracted.

    Args:
        source: an archive; gzip is detected by its first bytes.
        scratch: a folder that all workers can read.

    Returns:
        `source`, or one whose path is the plain copy.

    Raises:
        PreparationError: the archive is cut off or damaged, does not fit on
            the disk, or expands to more than `MAX_GZIP_RATIO` times its size.
    """
    with source.path.open("rb") as file:
        if file.read(len(_GZIP_MAGIC)) != _GZIP_MAGIC:
            return source
    packed_bytes = archives.file_size(source.path) or 0
    limit = max(packed_bytes * MAX_GZIP_RATIO, GZIP_RATIO_FLOOR_BYTES)
    _check_room(source, packed_bytes, scratch)
    plain = scratch / f"{source.path.name.removesuffix('.gz')}.plain"
    _log.info("Decompressing %s to %s", source.name, plain)
    try:
        with source.path.open("rb") as file:
            with gzip.open(file) as packed, plain.open("wb") as copy:
                written = 0
                while block := packed.read(_COPY_BYTES):
                    written += copy.write(block)
                    if written > limit:
                        raise PreparationError(
                            f"{source.name} expands to more than "
                            f"{MAX_GZIP_RATIO} times its size; if it is no "
                            "mistake, decompress it first."
                        )
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise PreparationError(
            f"{source.name} is not a complete gzip file: {error}."
        ) from error
    except OSError as error:
        raise PreparationError(
            f"{source.name} cannot be decompressed to {scratch}: {error}."
        ) from error
    return replace(source, path=plain)


def _check_room(source, packed_bytes, scratch):
    """Raises `PreparationError` if not even the packed size is free on disk."""
    try:
        free = shutil.disk_usage(scratch).free
    except OSError:
        return  # A remote store, which has no size.
    if packed_bytes > free:
        raise PreparationError(
            f"{source.name} must be decompressed and needs more than "
            f"{packed_bytes >> 20} MiB in {scratch}; {free >> 20} MiB are free."
        )


def _read_archive(source, index):
    tables = {}
    with source.path.open("rb") as file:
        for member in tar_index.read_members(file, source.name):
            place = layout.parse_path(member.path, source.folder)
            if member.error:
                name = repr(member.path)
                index.errors.append(
                    FileError(name, str(source.path), name, member.error)
                )
            elif place is None:
                index.ignored += 1
            else:
                table = tables.get(place.folder)
                if table is None:
                    table = SubsetTable(place.folder, str(source.path), True)
                    tables[place.folder] = table
                table.add(place.role, place.name, member.offset, member.size)
    return tables


def _read_tree(source, index):
    tables = {}
    for folder, role, path in archives.walk(source):
        table = tables.setdefault(
            path.parent, SubsetTable(folder, str(path.parent), False)
        )
        for file in archives.list_folder(path):
            place = layout.parse_path(
                f"{folder.subset}/{role}/{file.name}", folder
            )
            if place is None:
                index.ignored += 1
                continue
            try:
                size = archives.file_size(file)
                reason = "is not a regular file" if size is None else ""
            except OSError as error:
                reason = f"cannot be read: {error.strerror or error}"
            if not tar_index.is_utf8(place.name):
                reason = "has a name that is not UTF-8"
            if reason:
                split = layout.split_name(str(folder.part), folder.subset)
                # A name that is not UTF-8 cannot be printed.
                name, file_name = (
                    word.encode(errors="backslashreplace").decode()
                    for word in (place.name, file.name)
                )
                index.errors.append(
                    FileError(
                        f"{split}/{name}",
                        str(path.parent),
                        f"{role}/{file_name}",
                        reason,
                        split,
                    )
                )
            else:
                table.add(role, place.name, 0, size)
    return tables
