"""Results: the same numbers in every format, the same bytes each time."""

import csv
import io
import time

import numpy as np
import pytest
import tensorflow as tf
from pyarrow import parquet

from pipelines.scoring.results import FORMATS, MapFile

COLUMNS = ("reference", "distorted", "distance")
DISTANCES = np.float32([0.1, 1 / 3, 1e-9, 0])
ROWS = [
    (f'é,"{n}".png', "b.png", distance) for n, distance in enumerate(DISTANCES)
]


def from_csv(data):
    rows = list(csv.reader(io.StringIO(data.decode())))
    assert tuple(rows[0]) == COLUMNS
    return [(a, b, np.float32(d)) for a, b, d in rows[1:]]


def from_parquet(data):
    table = parquet.read_table(io.BytesIO(data))
    assert table.schema.names == list(COLUMNS)
    return [
        (row["reference"], row["distorted"], np.float32(row["distance"]))
        for row in table.to_pylist()
    ]


@pytest.fixture
def from_tfrecord(tmp_path):
    def read(data):
        path = tmp_path / "x.tfrecord"
        path.write_bytes(data)
        text = tf.io.FixedLenFeature((), tf.string)
        features = dict.fromkeys(COLUMNS, text)
        features["distance"] = tf.io.FixedLenFeature((), tf.float32)
        rows = []
        for record in tf.data.TFRecordDataset(str(path)):
            row = tf.io.parse_single_example(record, features)
            names = (row[name].numpy().decode() for name in COLUMNS[:2])
            rows.append((*names, row["distance"].numpy()))
        return rows

    return read


@pytest.mark.parametrize("name", FORMATS)
def test_every_digit_comes_back(name, from_tfrecord):
    read = {
        "csv": from_csv,
        "parquet": from_parquet,
        "tfrecord": from_tfrecord,
    }[name]
    data = FORMATS[name](COLUMNS, ROWS)
    assert read(data) == ROWS
    assert FORMATS[name](COLUMNS, ROWS) == data
    assert read(FORMATS[name](COLUMNS, [])) == []


def test_names_that_are_no_utf8_do_not_stop_a_shard():
    row = ("\udcff.png", "b.png", np.float32(1))
    assert b"\xff.png" in FORMATS["csv"](COLUMNS, [row])
    assert b"\xff.png" in FORMATS["tfrecord"](COLUMNS, [row])
    assert FORMATS["parquet"](COLUMNS, [row])


def test_maps_are_read_by_numpy_and_have_the_same_bytes_later(monkeypatch):
    maps = {"0": np.eye(3, dtype=np.float32), "7": np.float32([[1, 2]])}
    written = []
    for _ in range(2):
        file = io.BytesIO()
        with MapFile(file) as map_file:
            for key, heat in maps.items():
                map_file.add(key, heat)
        written.append(file.getvalue())
        monkeypatch.setattr(time, "time", lambda: 2e9)
        monkeypatch.setattr(time, "localtime", lambda *_: time.gmtime(2e9))
    assert written[0] == written[1]
    loaded = np.load(io.BytesIO(written[0]))
    assert list(loaded) == list(maps)
    for key, heat in maps.items():
        assert (loaded[key] == heat).all()


@pytest.mark.parametrize("rows", [[("0.png", "b.png", 1.0, 2.0)], []])
def test_columns_of_parquet_are_numbers_where_they_hold_no_names(rows):
    data = FORMATS["parquet"]((*COLUMNS, "share"), rows)
    types = map(str, parquet.read_table(io.BytesIO(data)).schema.types)
    assert list(types) == ["string", "string", "float", "float"]
