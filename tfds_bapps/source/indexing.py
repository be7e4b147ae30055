"""From a source to the triplets of its splits."""

import gzip
import shutil
import zlib
from dataclasses import dataclass, field, replace

from apache_beam.io.filesystem import CompressionTypes
from apache_beam.io.filesystems import FileSystems
from etils import epath

from tfds_bapps.source import archives, layout, tar_index
from tfds_bapps.source.errors import PreparationError, Problem
from tfds_bapps.source.triplets import SubsetTable, Triplets

_GZIP_MAGIC = b"\x1f\x8b"
_COPY_BYTES = 1 << 20


@dataclass
class Index:
    """The triplets of a source.

    Attributes:
        splits: the complete triplets, by split.
        problems: what is missing, double, or not a plain file.
        ignored: how many files are no part of a triplet.
    """

    splits: dict[str, Triplets] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    ignored: int = 0


def index_source(source: archives.Source, task: str) -> Index:
    """Reads the triplets of one task from an archive or a tree.

    Args:
        source: an archive, plain (`plain_archive`), or a tree.
        task: "2afc" or "jnd"; subsets of the other one are left out.

    Returns:
        The `Index`, in one pass over the headers or the folders.

    Raises:
        PreparationError: the archive is damaged, a folder cannot be read, or
            a subset has no part or no name that can stand in a split's.
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
        triplets, problems = table.join()
        index.problems += problems
        _add_split(index, triplets)
    return index


def merge(indexes: list[Index]) -> Index:
    """Joins the indexes of several sources.

    Raises:
        PreparationError: two of them have the same split.
    """
    merged = Index()
    for index in indexes:
        merged.problems += index.problems
        merged.ignored += index.ignored
        for triplets in index.splits.values():
            _add_split(merged, triplets)
    return merged


def plain_archive(source: archives.Source, scratch: epath.Path):
    """An archive in which bytes can be read by offset.

    A gzip stream can only be read from its start, so a compressed archive
    is unpacked once, as one plain tar, and its members stay inside.

    Args:
        source: an archive; gzip is known by its first bytes, not its name.
        scratch: a folder that all workers can read.

    Returns:
        The source itself, or one whose path is the plain copy.

    Raises:
        PreparationError: the archive is cut off or damaged.
    """
    with open_to_read(str(source.path)) as file:
        if file.read(len(_GZIP_MAGIC)) != _GZIP_MAGIC:
            return source
    plain = scratch / f"{source.path.name.removesuffix('.gz')}.plain"
    try:
        with open_to_read(str(source.path)) as file:
            with gzip.open(file) as packed, plain.open("wb") as copy:
                shutil.copyfileobj(packed, copy, _COPY_BYTES)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise PreparationError(
            f"{source.name} is not a whole gzip file: {error}."
        ) from error
    except OSError as error:
        raise PreparationError(
            f"{source.name} cannot be unpacked to {scratch}: {error}."
        ) from error
    return replace(source, path=plain)


def open_to_read(path: str):
    """Opens a file through Beam's filesystems, its bytes as they are."""
    return FileSystems.open(
        path, compression_type=CompressionTypes.UNCOMPRESSED
    )


def _add_split(index, triplets):
    other = index.splits.get(triplets.split)
    if other is not None:
        raise PreparationError(
            f"the split {triplets.split} is both in {other.path} and in "
            f"{triplets.path}; leave one of them out."
        )
    index.splits[triplets.split] = triplets


def _read_archive(source, index):
    tables = {}
    with open_to_read(str(source.path)) as file:
        for member in tar_index.read_members(file, source.name):
            place = layout.place_of(member.path, source.folder)
            if member.fault:
                name = f"{member.path!r}"
                index.problems.append(
                    Problem(name, str(source.path), name, member.fault)
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
            place = layout.place_of(
                f"{folder.subset}/{role}/{file.name}", folder
            )
            if place is None:
                index.ignored += 1
                continue
            try:
                size = file.stat().length
            except OSError as error:
                split = layout.split_name(str(folder.part), folder.subset)
                index.problems.append(
                    Problem(
                        f"{split}/{place.name}",
                        str(path.parent),
                        f"{role}/{file.name}",
                        f"cannot be read: {error.strerror or error}",
                    )
                )
            else:
                table.add(role, place.name, 0, size)
    return tables
