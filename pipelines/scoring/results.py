"""File formats of a shard's results: CSV, Parquet, TFRECORD, maps."""

import csv
import io
import zipfile
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from pyarrow import parquet
from tensorflow.train import BytesList, Example, FloatList

from keras_lpips.atomic_files import ESCAPE
from pipelines.beam_internals import write_tfrecord

# Columns of text; all others are float32.
TEXT_COLUMNS = ("reference", "distorted", "mask", "id", "map")
# The earliest time in a zip, so that equal content has equal bytes.
_NO_TIME = (1980, 1, 1, 0, 0, 0)


def to_csv(columns: Sequence[str], rows) -> bytes:
    """Encodes a table of strings, and float32 with all digits, as CSV."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([_text(value) for value in row] for row in rows)
    # File names that are not UTF-8 are written as they are.
    return text.getvalue().encode(errors=ESCAPE)


def to_parquet(columns: Sequence[str], rows) -> bytes:
    """Encodes a table of strings and float32 as Parquet."""
    columns_of_rows = list(zip(*rows, strict=True)) or [()] * len(columns)
    arrays = [
        pa.array([_utf8(value) for value in values], pa.string())
        if name in TEXT_COLUMNS
        else pa.array(values, pa.float32())
        for name, values in zip(columns, columns_of_rows, strict=True)
    ]
    sink = pa.BufferOutputStream()
    parquet.write_table(pa.table(arrays, names=list(columns)), sink)
    return sink.getvalue().to_pybytes()


def to_tfrecord(columns: Sequence[str], rows) -> bytes:
    """Encodes rows as records of `tf.train.Example`."""
    file = io.BytesIO()
    for row in rows:
        example = Example()
        for name, value in zip(columns, row, strict=True):
            feature = example.features.feature[name]
            if isinstance(value, str):
                data = value.encode(errors=ESCAPE)
                feature.bytes_list.CopyFrom(BytesList(value=[data]))
            else:
                feature.float_list.CopyFrom(FloatList(value=[value]))
        # Otherwise, protobuf orders maps arbitrarily.
        record = example.SerializeToString(deterministic=True)
        write_tfrecord(file, record)
    return file.getvalue()


FORMATS = {"csv": to_csv, "parquet": to_parquet, "tfrecord": to_tfrecord}


class MapFile:
    """Writes the maps of a shard to an `.npz`, one at a time.

    A context manager, which completes the archive.

    Args:
        file: a binary file.
    """

    def __init__(self, file):
        self._zip = zipfile.ZipFile(file, "w")

    def __enter__(self):
        """Returns the object itself."""
        return self

    def __exit__(self, kind, *_):
        """Completes the archive, unless there was an error."""
        if kind is None:
            self._zip.close()
        else:
            # Otherwise its finalizer writes to the closed file.
            self._zip.fp = None

    def add(self, key: str, distances: np.ndarray) -> None:
        """Adds float32, `(height, width)`."""
        info = zipfile.ZipInfo(f"{key}.npy", _NO_TIME)
        with self._zip.open(info, "w") as entry:
            np.lib.format.write_array(entry, distances, allow_pickle=False)


def _text(value):
    return value if isinstance(value, str) else f"{value:.9g}"


def _utf8(text):
    return text.encode(errors=ESCAPE).decode(errors="replace")
