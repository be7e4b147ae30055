"""What is found wrong with triplets before the first step."""

import shutil

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

import tfds_bapps
from tests.support.fake_judgements import write_tree
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
    data = tmp_path_factory.mktemp("data")
    tfds_bapps.Builder(
        config="twoafc", data_dir=data, source=tree
    ).download_and_prepare()
    return data


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


def test_a_judgement_that_is_missing_later_is_found(uneven, tmp_path):
    data = shutil.copytree(uneven, tmp_path / "data")
    (shard,) = data.glob("bapps/twoafc/*/*val_cnn*")
    records = [x.numpy() for x in tf.data.TFRecordDataset(str(shard))]
    last = tf.train.Example.FromString(records[-1])
    last.features.feature["judge"].float_list.value[0] = np.nan
    with tf.io.TFRecordWriter(str(shard)) as writer:
        for record in [*records[:-1], last.SerializeToString()]:
            writer.write(record)
    source = RecordSource(open_prepared(data, "twoafc"), ["val_cnn"])
    with pytest.raises(DataError, match="without judgements"):
        source.check()
