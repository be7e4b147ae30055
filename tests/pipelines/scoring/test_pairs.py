"""Pairs: read from lists and records, cut into runs, named when bad."""

import os

import pytest

from keras_lpips_cli.errors import UserError
from pipelines.filesystems import read_bytes
from pipelines.scoring.config import ScoringConfig
from pipelines.scoring.pairs import Span, read_pairs
from pipelines.scoring.planning import make_plan
from tests.support.fake_pairs import write_list


def planned(path, shard_pairs=1000, output="/nowhere"):
    return make_plan(
        ScoringConfig(
            pairs=str(path), output=str(output), shard_pairs=shard_pairs
        )
    )


def names(plan):
    return [[pair.name for pair in read_pairs(span)] for span in plan.spans]


def test_a_list_is_cut_into_runs_of_lines(tmp_path):
    rows = [(f"{n}.png", f'say "{n}", é.png') for n in range(7)]
    path = write_list(tmp_path / "x.csv", rows)
    assert names(planned(path, 3)) == [rows[:3], rows[3:6], rows[6:]]
    assert names(planned(path, 7)) == [rows]


def test_columns_may_stand_in_any_order_among_others(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("\ufeffdistorted,id,reference\r\nb,1,a\r\nd,2,c\r\n")
    assert names(planned(path)) == [[("a", "b"), ("c", "d")]]


def test_paths_start_from_the_lists_folder_unless_absolute(tmp_path):
    rows = [("a/b.png", "/c/d.png"), ("gs://bucket/e.png", "f.png")]
    path = write_list(tmp_path / "x.csv", rows)
    first, second = read_pairs(planned(path).spans[0])
    assert first.paths == (f"{tmp_path}/a/b.png", "/c/d.png")
    assert second.paths == ("gs://bucket/e.png", f"{tmp_path}/f.png")


def test_lines_that_are_no_pairs_are_invalid_pairs(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("reference,distorted\na,b\n\nc\nd,e,f\ng,h\n\n\n")
    (span,) = planned(path).spans
    pairs = list(read_pairs(span))
    assert [pair.error for pair in pairs] == [
        "",
        "the line has 0 fields instead of 2",
        "the line has 1 fields instead of 2",
        "the line has 3 fields instead of 2",
        "",
    ]
    assert all(len(pair.name) == 2 for pair in pairs)


def test_a_line_that_is_no_csv_is_an_invalid_pair(tmp_path):
    path = tmp_path / "x.csv"
    long = b"x" * 140_000
    lines = [b"a,b", b"a\0,b", b"c\rd,b", long + b",b", b'"a,b', b"e,f"]
    path.write_bytes(b"reference,distorted\n" + b"\n".join(lines))
    (span,) = planned(path).spans
    pairs = list(read_pairs(span))
    bad = [bool(pair.error) for pair in pairs]
    assert bad == [False, True, True, True, True, False]
    assert "NUL" in pairs[1].error
    assert "larger than field limit" in pairs[3].error
    assert "does not end on its line" in pairs[4].error
    assert all(
        len(pair.name) == 2 and len(pair.name[0]) <= 200 for pair in pairs
    )


def test_line_breaks_in_quotes_make_invalid_pairs_and_no_others(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text('reference,distorted,note\na,b,"one\ntwo"\nc,d,""\n')
    (span,) = planned(path).spans
    first, second, third = (pair.error for pair in read_pairs(span))
    assert first == "a field in quotes does not end on its line"
    assert second == "the line has 1 fields instead of 3" and third == ""


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le"])
def test_a_list_in_utf_16_is_rejected(encoding, tmp_path):
    path = tmp_path / "x.csv"
    path.write_bytes("reference,distorted\na,b\n".encode(encoding))
    with pytest.raises(UserError, match="must be CSV in UTF-8"):
        planned(path)


def test_a_line_without_one_of_the_two_is_an_invalid_pair(tmp_path):
    path = write_list(tmp_path / "x.csv", [("a", ""), ("", "b")])
    assert [pair.error for pair in read_pairs(planned(path).spans[0])] == [
        "there is no distorted image for it",
        "there is no reference image for it",
    ]


def test_the_digest_changes_with_the_list(tmp_path):
    digests = {
        planned(write_list(tmp_path / "x.csv", rows)).digest
        for rows in ([("a", "b")], [("a", "c")], [("a", "b"), ("a", "b")])
    }
    assert len(digests) == 3


def test_records_are_shards_of_their_files(records, pairs):
    plan = planned(records)
    first, second = (list(read_pairs(span)) for span in plan.spans)
    assert first[3].name == ("pairs.tfrecord-00000:3",)
    assert second[3].name == ("13_0.png",)
    for pair, number in ((first[3], 3), (second[3], 13)):
        assert pair.read() == tuple(
            read_bytes(f"{pairs.parent}/{number:02}_{side}.png")
            for side in (0, 1)
        )


def test_the_digest_changes_with_records_of_equal_size(tmp_path):
    path = tmp_path / "x.tfrecord"
    path.write_bytes(b"one")
    before = planned(path).digest
    assert planned(path).digest == before
    path.write_bytes(b"two")
    later = path.stat().st_mtime + 1
    os.utime(path, (later, later))
    assert planned(path).digest != before


def test_damaged_records_are_invalid_pairs(records, tmp_path):
    whole = read_bytes(planned(records).spans[0].path)
    cut = tmp_path / "cut.tfrecord"
    cut.write_bytes(whole[: len(whole) // 2])
    *good, last = read_pairs(Span(str(cut)))
    assert 3 < len(good) < 8
    assert not any(pair.error for pair in good)
    assert "damaged from here on" in last.error


def test_records_of_other_features_are_invalid_pairs(tmp_path):
    import tensorflow as tf

    path = str(tmp_path / "other.tfrecord")
    example = tf.train.Example()
    example.features.feature["reference"].bytes_list.value.append(b"x")
    with tf.io.TFRecordWriter(path) as writer:
        writer.write(example.SerializeToString())
        writer.write(b"no message")
    first, second = read_pairs(Span(path))
    assert first.error == "the record has no bytes 'distorted'"
    assert "no tf.train.Example" in second.error


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("x.csv", "a.png,b.png\n", "one of them 'reference'"),
        ("x.csv", "reference,distorted\n\n", "lists no pairs"),
        ("x.png", "", "must be a list"),
    ],
)
def test_what_is_no_list_is_rejected(name, text, message, tmp_path):
    (tmp_path / name).write_text(text)
    with pytest.raises(UserError, match=message):
        planned(tmp_path / name)


def test_what_is_not_there_is_named(tmp_path):
    with pytest.raises(UserError, match="none.csv does not exist"):
        planned(tmp_path / "none.csv")
