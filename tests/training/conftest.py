"""Two logical CPU devices, and small prepared datasets."""

import pytest
import tensorflow as tf

from tests.support.fake_judgements import write_tree
from tests.support.training_runs import prepare

CPUS = tf.config.list_physical_devices("CPU")
if len(tf.config.get_logical_device_configuration(CPUS[0]) or ()) < 2:
    tf.config.set_logical_device_configuration(
        CPUS[0], [tf.config.LogicalDeviceConfiguration()] * 2
    )


@pytest.fixture(scope="session")
def judged(tmp_path_factory):
    """A prepared dataset of 34 triplets to train on and 8 to validate on."""
    tree = write_tree(
        tmp_path_factory.mktemp("tree"),
        {
            "train/cnn": 17,
            "train/mix": 17,
            "val/cnn": 4,
            "val/traditional": 4,
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
