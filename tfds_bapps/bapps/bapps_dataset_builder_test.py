"""Tests of the BAPPS builder with the triplets in `dummy_data`.

`dummy_data` holds 8x8 patches of noise, made by `tests/support/fake_bapps.py`.
"""

import tensorflow_datasets as tfds

from tfds_bapps.bapps.bapps_dataset_builder import Builder


class TwoAfcTest(tfds.testing.DatasetBuilderTestCase):
    """Prepares and reads the 2AFC configurations."""

    DATASET_CLASS = Builder
    BUILDER_CONFIG_NAMES_TO_TEST = ["twoafc", "twoafc_64"]
    SPLITS = {"train_mix": 2, "val_cnn": 3, "val_color": 1}


class JndTest(tfds.testing.DatasetBuilderTestCase):
    """Prepares and reads the JND configurations."""

    DATASET_CLASS = Builder
    BUILDER_CONFIG_NAMES_TO_TEST = ["jnd", "jnd_64"]
    SPLITS = {"val_cnn": 2}


if __name__ == "__main__":
    tfds.testing.test_main()
