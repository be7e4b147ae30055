"""Checks of triplets before the first step."""

import shutil

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds
from array_record.python.array_record_module import ArrayRecordWriter
from PIL import Image

import tfds_bapps
from tests.support.fake_judgements import write_tree
from tests.support.training_runs import prepare
from training import precompute, train
from training.data.batches import RecordSource
from training.data.dataset import DataError, open_prepared


@pytest.fixture(scope="module")
def uneven(tmp_path_factory):
    """Native patches of which the fourth triplet is larger."""
    counts = {"train/cnn": 6, "val/cnn": 4}
    tree = write_tree(tmp_path_factory.mktemp("uneven"), counts)
    for role in ("ref", "p0", "p1"):
        path = tree / "2afc" / "train" / "cnn" / role / "000003.png"
        Image.open(path).resize((80, 96)).save(path)
    return prepare(tree, tmp_path_factory.mktemp("data"), "twoafc")


@pytest.mark.parametrize("program", [train, precompute])
def test_images_of_two_sizes_are_one_sentence(
    program, uneven, tmp_path, capsys, backbone
):
    output = tmp_path / "run"
    recipe = f"{backbone('alex')}/lin-fast"
    flags = ["--config", "twoafc", "--recipe", recipe]
    argv = [*flags, "--data-dir", str(uneven), "--output", str(output)]
    assert program.main(argv) == 1
    error = capsys.readouterr().err.splitlines()[-1]
    assert "64 x 64 and, in triplet 000003, 96 x 80 pixels" in error
    assert not output.exists()


def test_a_size_is_that_of_one_source(uneven):
    builder = open_prepared(uneven, "twoafc")
    RecordSource(builder, ["val_cnn"]).check()
    with pytest.raises(DataError, match="different sizes"):
        RecordSource(builder, ["train_cnn"]).check()


def test_a_missing_judgement_is_found_by_the_check(uneven, tmp_path):
    builder = open_prepared(
        shutil.copytree(uneven, tmp_path / "data"), "twoafc"
    )
    (shard,) = builder.info.splits["val_cnn"].filepaths
    *records, record = builder.as_data_source(
        "val_cnn", deserialize_method=tfds.decode.DeserializeMethod.RAW_BYTES
    )
    last = tf.train.Example.FromString(record)
    last.features.feature["judge"].float_list.value[0] = np.nan
    writer = ArrayRecordWriter(str(shard), "group_size:1")
    for record in (*records, last.SerializeToString()):
        writer.write(record)
    writer.close()
    source = RecordSource(
        open_prepared(tmp_path / "data", "twoafc"), ["val_cnn"]
    )
    with pytest.raises(DataError, match="without judgements"):
        source.check()


def test_a_damaged_file_is_found_by_the_check(uneven, tmp_path):
    builder = open_prepared(
        shutil.copytree(uneven, tmp_path / "data"), "twoafc"
    )
    (shard,) = builder.info.splits["val_cnn"].filepaths
    content = bytearray(shard.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 100] = bytes(100)
    shard.write_bytes(content)
    with pytest.raises(DataError, match="has a damaged file"):
        RecordSource(builder, ["val_cnn"]).check()


def test_another_format_is_rejected(uneven, tmp_path):
    tree = write_tree(tmp_path / "tree", {"train/cnn": 2})
    tfds_bapps.Builder(
        config="twoafc", data_dir=tmp_path, source=tree, file_format="tfrecord"
    ).download_and_prepare()
    with pytest.raises(DataError, match="--file-format array_record"):
        RecordSource(open_prepared(tmp_path, "twoafc"), ["train_cnn"])
