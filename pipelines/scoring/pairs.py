"""Reads pairs of images from a list or from records."""

import csv
import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from apache_beam.io.filesystem import CompressionTypes
from apache_beam.io.filesystems import FileSystems
from tensorflow.train import Example

from keras_lpips.atomic_files import ESCAPE
from keras_lpips_cli.errors import UserError
from pipelines.beam_internals import read_tfrecord
from pipelines.filesystems import open_file, read_bytes
from pipelines.image_io.matching import COLUMNS

# The column that names a record in the results.
RECORD_COLUMNS = ("id",)
# The column of a list that may name a mask for each pair.
MASK = "mask"
# Bytes shown of a line that cannot be read.
SHOWN_BYTES = 200
# What `csv` says of a line that ends in quotes.
OPEN_QUOTES = "unexpected end of data"
TFRECORD_SUFFIXES = (".tfrecord", ".tfrecords")


@dataclass(frozen=True)
class Span:
    """Consecutive pairs of one file.

    Attributes:
        path: a list of pairs, or a file of records.
        start: offset of its first line in bytes; 0 for records.
        count: number of pairs; `None` for all of a file of records.
        columns: the columns that name a pair, in its list and in the results.
    """

    path: str
    start: int = 0
    count: int | None = None
    columns: tuple[str, ...] = COLUMNS


@dataclass(frozen=True)
class Entry:
    """One work item: file paths, or encoded bytes, of one or two images.

    A third path is that of a mask.

    Attributes:
        name: its name in the results, a string for each column.
        paths: paths of the files; for a record, labels for error messages.
        data: the encoded images, or `None` if they are in files.
        error: why there are no images, or "".
    """

    name: tuple[str, ...]
    paths: tuple[str, ...] = ()
    data: tuple[bytes, ...] | None = None
    error: str = ""

    def read(
        self,
        reserve: Callable[[int], None] | None = None,
        seconds: float | None = None,
    ) -> tuple[bytes, ...]:
        """Returns the encoded images, one or two.

        Args:
            reserve: called with the size of each file before it is read.
            seconds: see `pipelines.filesystems.read_bytes`.

        Raises:
            Exception: of many kinds, if a file cannot be read.
        """
        return self.data or tuple(
            read_bytes(path, reserve, seconds) for path in self.paths
        )


def is_records(path: str) -> bool:
    """Returns whether a file holds records, by its name: x.tfrecord-00001."""
    name = FileSystems.split(path)[1].lower()
    return any(suffix in name for suffix in TFRECORD_SUFFIXES)


def read_pairs(span: Span) -> Iterator[Entry]:
    """Yields the pairs of a span, in order.

    Raises:
        OSError: the file cannot be read.
    """
    read = _read_records if is_records(span.path) else _read_list
    return read(span)


def path_columns(header: Sequence[str]) -> tuple[str, ...]:
    """Returns the columns of a list that hold paths."""
    return (*COLUMNS, MASK) if MASK in header else COLUMNS


def read_header(file, path: str) -> list[str]:
    """Reads the first line of a list: the names of its columns.

    Raises:
        UserError: `reference` or `distorted` is not among them.
    """
    line = file.readline()
    try:
        header = _fields(line)
    except csv.Error as error:
        raise UserError(
            f"{path} must be CSV in UTF-8; its first line cannot be read: "
            f"{error}"
        ) from None
    if header and header[0].startswith("\ufeff"):
        header[0] = header[0][1:]
    for column in COLUMNS:
        if header.count(column) != 1:
            raise UserError(
                f"{path} must be CSV in UTF-8 that begins with a line of "
                f"column names, one of them {column!r}. Received: "
                f"{','.join(header)[:200]!r}"
            )
    return header


def _read_list(span):
    folder = FileSystems.split(span.path)[0]
    with FileSystems.open(
        span.path, compression_type=CompressionTypes.UNCOMPRESSED
    ) as file:
        header = read_header(file, span.path)
        indices = [header.index(column) for column in span.columns]
        blank = ("",) * len(span.columns)
        file.seek(span.start)
        for _ in range(span.count):
            line = file.readline()
            try:
                fields = _fields(line)
            except csv.Error as error:
                name = line[:SHOWN_BYTES].decode(errors=ESCAPE).strip()
                reason = f"the line cannot be read: {error}"
                if str(error) == OPEN_QUOTES:
                    reason = "a field in quotes does not end on its line"
                yield Entry((name, *blank[1:]), error=reason)
                continue
            if len(fields) != len(header):
                # One name per column, for any number of fields.
                yield Entry(
                    tuple((*fields, *blank)[: len(blank)]),
                    error=f"the line has {len(fields)} fields instead of "
                    f"{len(header)}",
                )
                continue
            name = tuple(fields[index] for index in indices)
            if "" in name:
                role = span.columns[name.index("")]
                yield Entry(name, error=f"there is no {role} image for it")
                continue
            if any("\0" in path for path in name):
                yield Entry(name, error="a path cannot hold a NUL character")
                continue
            # Joined, an absolute path stays itself.
            yield Entry(name, tuple(_resolve(folder, path) for path in name))


def _resolve(folder, path):
    absolute = FileSystems.get_scheme(path) is not None or path[:1] == "/"
    return path if absolute else FileSystems.join(folder, path)


def _fields(line):
    """Returns the fields of a line; raises `csv.Error`.

    A line is a pair, so a field in quotes must end on it.
    """
    text = line.decode(errors=ESCAPE).rstrip("\r\n")
    return next(csv.reader([text], strict=True), [])


def _read_records(span):
    file_name = FileSystems.split(span.path)[1]
    with open_file(span.path) as file:
        for number in itertools.count():
            name = f"{file_name}:{number}"
            try:
                record = read_tfrecord(file)
            except ValueError as error:
                reason = str(error).split(":")[0]
                yield Entry(
                    (name,), error=f"the file is damaged from here on: {reason}"
                )
                return
            if record is None:
                return
            yield _parse_record(record, name)


def _parse_record(record, name):
    try:
        features = Example.FromString(record).features.feature
    except Exception as error:
        return Entry(
            (name,), error=f"the record is no tf.train.Example: {error}"
        )
    values = {
        key: features[key].bytes_list.value[:1]
        for key in (*COLUMNS, *RECORD_COLUMNS)
        if key in features
    }
    if values.get("id"):
        name = values["id"][0].decode(errors=ESCAPE)
    for role in COLUMNS:
        if not values.get(role):
            return Entry((name,), error=f"the record has no bytes {role!r}")
    return Entry(
        (name,),
        tuple(f"{role} of {name}" for role in COLUMNS),
        tuple(values[role][0] for role in COLUMNS),
    )
