"""Two logical CPU devices, and small prepared datasets."""

import pytest
import tensorflow as tf

import tfds_bapps
from tests.support.fake_judgements import write_tree

CPUS = tf.config.list_physical_devices("CPU")
if len(tf.config.get_logical_device_configuration(CPUS[0]) or ()) < 2:
    tf.config.set_logical_device_configuration(
        CPUS[0], [tf.config.LogicalDeviceConfiguration()] * 2
    )


def prepare(source, data_dir):
    tfds_bapps.Builder(
        config="twoafc_64", data_dir=data_dir, source=source
    ).download_and_prepare()
    return data_dir


@pytest.fixture(scope="session")
def judged(tmp_path_factory):
    """A prepared dataset of 66 triplets to train on and 24 to validate on."""
    tree = write_tree(
        tmp_path_factory.mktemp("tree"),
        {
            "train/cnn": 33,
            "train/mix": 33,
            "val/cnn": 12,
            "val/traditional": 12,
        },
    )
    return prepare(tree, tmp_path_factory.mktemp("judged"))


@pytest.fixture(scope="session")
def bapps_sample(shared_data, tmp_path_factory):
    """74 real triplets of BAPPS, prepared."""
    return prepare(
        shared_data / "bapps_sample" / "dataset",
        tmp_path_factory.mktemp("bapps_sample"),
    )
