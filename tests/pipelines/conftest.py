"""Photographs as patches, and Beam's services as processes of their own."""

import csv
import signal

import numpy as np
import pytest
from skimage import data

from tests.support.beam_engines import python_service
from tests.support.fake_pairs import SIZES, pixels_of, png, write_list
from tests.support.paths import REPOSITORY

# Of the patches: rows and columns.
CENTRES = {
    "astronaut": (140, 230),
    "chelsea": (150, 200),
    "coffee": (200, 300),
}


@pytest.fixture
def quiet_workers(monkeypatch):
    """Worker processes find this checkout, and handlers are put back."""
    monkeypatch.setenv("PYTHONPATH", str(REPOSITORY))
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "3")
    usual = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, usual)


@pytest.fixture
def job_service(tmp_path):
    """Address of Beam's portable job service."""
    with python_service(
        "apache_beam.runners.portability.local_job_service_main",
        tmp_path / "jobs.log",
        f"--staging_dir={tmp_path / 'staging'}",
        "--port",
    ) as address:
        yield address


@pytest.fixture(scope="session")
def patches():
    """uint8 RGB, three of 64 x 64, of scikit-image's photographs."""
    found = []
    for name, (row, column) in CENTRES.items():
        image = getattr(data, name)()
        found.append(image[row - 32 : row + 32, column - 32 : column + 32])
    return np.stack(found)


@pytest.fixture(scope="session")
def pairs(tmp_path_factory):
    """A list of 20 pairs, every third of another size, with paths beside it."""
    folder = tmp_path_factory.mktemp("pairs")
    rows = []
    for number in range(20):
        pair = pixels_of(number, SIZES[number % 3 == 2])
        names = [f"{number:02}_{side}.png" for side in (0, 1)]
        for name, pixels in zip(names, pair, strict=True):
            (folder / name).write_bytes(png(pixels))
        rows.append(names)
    return write_list(folder / "pairs.csv", rows)


@pytest.fixture(scope="session")
def records(pairs):
    """The same pairs as records, in two files; the first has no ids."""
    import tensorflow as tf

    with pairs.open() as file:
        rows = list(csv.DictReader(file))
    paths = [pairs.with_name(f"pairs.tfrecord-0000{k}") for k in (0, 1)]
    for k, path in enumerate(paths):
        with tf.io.TFRecordWriter(str(path)) as writer:
            for row in rows[10 * k : 10 * k + 10]:
                example = tf.train.Example()
                values = {
                    role: (pairs.parent / name).read_bytes()
                    for role, name in row.items()
                }
                if k:
                    values["id"] = row["reference"].encode()
                for name, value in values.items():
                    feature = example.features.feature[name].bytes_list
                    feature.value.append(value)
                writer.write(example.SerializeToString())
    return f"{pairs.parent}/pairs.tfrecord-*"


@pytest.fixture(scope="session")
def small_bank(tmp_path_factory):
    """A bank of two small networks and one for super-resolution, untrained."""
    import keras

    from pipelines.networks.generator import make_generator
    from pipelines.networks.model_bank import save_network
    from pipelines.networks.settings import RESTORERS, sample_settings

    folder = tmp_path_factory.mktemp("bank")
    networks = {f"cnn_{n:03}": sample_settings(0, n) for n in (0, 1)}
    networks["espcn"] = RESTORERS["espcn"]
    for name, settings in networks.items():
        keras.utils.set_random_seed(0)
        save_network(folder, name, settings, make_generator(settings), {})
    return folder


@pytest.fixture
def generator():
    return np.random.default_rng(0)
