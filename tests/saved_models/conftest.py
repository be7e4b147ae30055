"""Exports that several tests use, each made once."""

import functools
import json

import numpy as np
import pytest
import tensorflow as tf

from tests.support.golden_values import golden_batch
from tests.support.images import encode_png

RECIPE = "alex/lin-fast"


@pytest.fixture(scope="session")
def exported(backbone, tmp_path_factory):
    """A function from a net to the folder of its exported model."""

    @functools.cache
    def export_once(net):
        from keras_lpips import LPIPS
        from saved_models.store.exporter import export

        model = tmp_path_factory.mktemp("models") / f"lpips_{net}"
        export(LPIPS(backbone(net), dtype="float32"), model)
        return model

    return export_once


@pytest.fixture(scope="session")
def loaded():
    """A function from a model's folder to its only version, loaded."""
    return functools.cache(lambda model: tf.saved_model.load(str(model / "1")))


@pytest.fixture(scope="session")
def resize():
    """Height and width to which `resized` resizes."""
    return 48, 40


@pytest.fixture(scope="session")
def resized(backbone, resize, tmp_path_factory):
    """The folder of an exported alex that resizes, by the program."""
    from saved_models import export

    model = tmp_path_factory.mktemp("models") / "resized"
    arguments = ["--net", backbone("alex"), "--output", str(model)]
    arguments += ["--resize", "x".join(map(str, resize))]
    assert export.main(arguments) == 0
    return model


@pytest.fixture(scope="session")
def run_folder(backbone, tmp_path_factory):
    """The folder of a run of training.train, with random weights."""
    from keras_lpips import LPIPS
    from keras_lpips.weights.npz import write_npz
    from training.model import triplet_model
    from training.model.ranking_head import RankingHead

    folder = tmp_path_factory.mktemp("run")
    net = backbone(RECIPE.split("/")[0])
    lpips = LPIPS(net, head_weights="random", seed=1, dtype="float32")
    variables = triplet_model.named_lpips_weights(lpips, False)
    variables |= triplet_model.named_ranking_head_weights(RankingHead(seed=2))
    write_npz(
        folder / "weights.npz",
        {name: np.asarray(value) for name, value in variables.items()},
    )
    held = {
        "settings": {"recipe": RECIPE, "distance_only": False},
        "data": "bapps/twoafc_64/1.0.0",
        "about": {"git_revision": None},
    }
    (folder / "settings.json").write_text(json.dumps(held))
    (folder / "history.csv").write_text("epoch,cnn_2afc\n1,60.5\n2,71.25\n")
    return folder


@pytest.fixture(scope="session")
def run(run_folder):
    """The run in `run_folder`."""
    from training.run.run_loading import TrainedRun

    return TrainedRun(run_folder)


@pytest.fixture(scope="session")
def exported_run(run_folder, tmp_path_factory):
    """The folder of the exported model of the run, by the program."""
    from saved_models import export

    model = tmp_path_factory.mktemp("models") / "run"
    arguments = ["--from", str(run_folder), "--output", str(model)]
    assert export.main(arguments) == 0
    return model


@pytest.fixture(scope="session")
def example():
    """Two pairs, uint8: references and distorted images."""
    return golden_batch()


@pytest.fixture(scope="session")
def example_files(example):
    """The same two pairs, as PNGs."""
    return tuple([encode_png(image) for image in images] for images in example)


@pytest.fixture
def example_paths(example_files, tmp_path):
    """The first pair, as files."""
    paths = [tmp_path / "reference.png", tmp_path / "distorted.png"]
    for path, files in zip(paths, example_files, strict=True):
        path.write_bytes(files[0])
    return paths
