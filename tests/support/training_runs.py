"""Prepared datasets and training runs of tests."""

from pathlib import Path

import numpy as np

import tfds_bapps
from keras_lpips.weights.npz import read_npz
from training.configs import TrainConfig
from training.run.devices import mirror
from training.run.trainer import train

# Two epochs of three steps; the last batch of each has two triplets.
STEPS = {"batch_size": 16, "epochs": 2}


def prepare(source, data_dir, config="twoafc_64"):
    """Prepares a dataset from a source tree and returns its folder."""
    tfds_bapps.Builder(
        config=config,
        data_dir=data_dir,
        source=source,
        file_format="array_record",
    ).download_and_prepare()
    return data_dir


def replicas(count):
    """Returns a strategy over logical CPU devices."""
    return mirror([f"CPU:{i}" for i in range(count)])


def run_training(
    data_dir, output, recipe, strategy=None, callbacks=(), **settings
):
    """Trains and returns the weights by name."""
    config = TrainConfig(
        Path(data_dir), Path(output), recipe, **{**STEPS, **settings}
    )
    train(config, strategy or replicas(1), callbacks)
    return read_npz(Path(output) / "weights.npz")


def check_close(first, second, **tolerance):
    """Asserts that two sets of weights agree."""
    assert first.keys() == second.keys()
    for name, array in first.items():
        np.testing.assert_allclose(
            array, second[name], err_msg=name, **tolerance
        )
