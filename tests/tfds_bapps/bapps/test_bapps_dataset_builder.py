"""TFDS's own test of a builder, on triplets made in code."""

import tempfile
from pathlib import Path

import tensorflow_datasets as tfds

from tests.support.fake_bapps import files, write_tree
from tfds_bapps import Builder

_DUMMY = tempfile.TemporaryDirectory()


class TwoAfcTest(tfds.testing.DatasetBuilderTestCase):
    DATASET_CLASS = Builder
    BUILDER_CONFIG_NAMES_TO_TEST = ["twoafc", "twoafc_64"]
    EXAMPLE_DIR = write_tree(
        Path(_DUMMY.name) / "twoafc",
        files({"train/mix": 3, "val/cnn": 5, "val/color": 2}),
    )
    SPLITS = {"train_mix": 3, "val_cnn": 5, "val_color": 2}


class JndTest(tfds.testing.DatasetBuilderTestCase):
    DATASET_CLASS = Builder
    BUILDER_CONFIG_NAMES_TO_TEST = ["jnd", "jnd_64"]
    EXAMPLE_DIR = write_tree(
        Path(_DUMMY.name) / "jnd",
        files({"val/cnn": 4, "val/traditional": 2}, "jnd"),
    )
    SPLITS = {"val_cnn": 4, "val_traditional": 2}
