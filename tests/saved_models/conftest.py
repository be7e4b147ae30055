"""Exports that several tests look at, each made once."""

import functools

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tests.support.fake_judgements import write_tree

RESIZE = (48, 40)


@pytest.fixture(scope="session")
def exported(backbone, tmp_path_factory):
    """A function from a net to the folder of its exported model."""

    @functools.cache
    def export_once(net):
        from keras_lpips import LPIPS
        from saved_models.export import export

        model = tmp_path_factory.mktemp("models") / f"lpips_{net}"
        export(LPIPS(backbone(net), dtype="float32"), model)
        return model

    return export_once


@pytest.fixture(scope="session")
def loaded():
    """A function from a model's folder to its only version, loaded."""
    return functools.cache(lambda model: tf.saved_model.load(str(model / "1")))


@pytest.fixture(scope="session")
def resized(backbone, tmp_path_factory):
    """An exported alex that resizes, by the program: its folder."""
    from saved_models import export

    model = tmp_path_factory.mktemp("models") / "resized"
    arguments = ["--net", backbone("alex"), "--output", str(model)]
    resize = "x".join(map(str, RESIZE))
    assert export.main([*arguments, "--resize", resize]) == 0
    return model


@pytest.fixture(scope="session")
def trained(backbone, tmp_path_factory):
    """A finished run, its folder and the model that it trained."""
    import tfds_bapps
    from training.train import Settings, train

    folder = tmp_path_factory.mktemp("trained")
    tree = write_tree(folder / "tree", {"train/cnn": 20, "val/cnn": 10})
    tfds_bapps.Builder(
        config="twoafc_64", data_dir=folder / "data", source=tree
    ).download_and_prepare()
    run = folder / "run"
    settings = Settings(
        data_dir=str(folder / "data"),
        output=str(run),
        recipe=f"{backbone('alex')}/lin-fast",
        batch_size=10,
        epochs=2,
    )
    return run, train(settings, tf.distribute.MirroredStrategy(["CPU:0"]))


@pytest.fixture(scope="session")
def exported_run(trained, tmp_path_factory):
    """The folder of the exported model of `trained`, by the program."""
    from saved_models import export

    run, _ = trained
    model = tmp_path_factory.mktemp("models") / "run"
    assert export.main(["--from", str(run), "--output", str(model)]) == 0
    return model


@pytest.fixture(scope="session")
def example_files(shared_data):
    """The reference's example, as PNGs: references and distorted images."""
    folder = shared_data / "examples"
    reference, p0, p1 = (
        (folder / f"ex_{name}.png").read_bytes() for name in ("ref", "p0", "p1")
    )
    return [reference, reference], [p0, p1]


@pytest.fixture(scope="session")
def example(shared_data):
    """The reference's example, uint8: references and distorted images."""
    folder = shared_data / "examples"
    reference, p0, p1 = (
        np.asarray(Image.open(folder / f"ex_{name}.png"))
        for name in ("ref", "p0", "p1")
    )
    return np.stack([reference, reference]), np.stack([p0, p1])
