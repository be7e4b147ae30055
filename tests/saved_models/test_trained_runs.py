"""The export of a run of training.train."""

import json

import numpy as np
import pytest
import tensorflow as tf

from keras_lpips import WeightsError
from keras_lpips.inference.saved_model import CARD_FILE
from keras_lpips.weights.npz import content_digest, read_npz, write_npz
from keras_lpips_cli.main import main as command
from saved_models import export as program
from training.run.run_loading import TrainedRun


def test_the_card_describes_the_run(exported_run, run, run_folder):
    card = json.loads((exported_run / "1" / CARD_FILE).read_text())
    described = card["training_run"]
    assert described == run.description()
    assert described["recipe"] == "alex/lin-fast"
    assert described["data"].startswith("bapps/twoafc_64")
    # Set for synthetic data only.
    assert described["judgements"] is None
    assert described["epochs"] == 2
    assert described["score"] == {"cnn_2afc": 71.25}
    digest = content_digest(read_npz(run_folder / "weights.npz"))
    assert described["weights_digest"] == digest
    assert len(described["settings_digest"]) == 64
    assert card["metric"] == "LPIPS, trained by training.train"
    assert card["parity"]["largest_difference"] < 1e-6
    assert card["parity"]["largest_difference_of_preference"] < 1e-6
    assert card["signatures"]["preference"].keys() == {"reference", "p0", "p1"}


@pytest.fixture
def preference(loaded, exported_run):
    """The exported graph."""
    return loaded(exported_run).signatures["preference"]


def test_preference_takes_any_batch_and_size(preference, run):
    lpips, head = run.layer(value_range=(-1, 1)), run.ranking_head()
    generator = np.random.default_rng(0)
    # A chunk holds one triplet of the first size, and all of the second.
    for shape in ((2, 400, 400, 3), (5, 31, 40, 3)):
        triplet = generator.uniform(-1, 1, (3, *shape)).astype(np.float32)
        reference, p0, p1 = triplet
        logits = head(lpips(reference, p0), lpips(reference, p1))
        found = preference(reference=reference, p0=p0, p1=p1)["preference"]
        np.testing.assert_allclose(found, tf.sigmoid(logits), atol=1e-6)


def test_a_triplet_of_two_shapes_is_an_error(preference):
    images = {role: tf.zeros((1, 64, 64, 3)) for role in ("reference", "p0")}
    with pytest.raises(
        tf.errors.InvalidArgumentError,
        match="`reference`, `p0` and `p1` must have one shape",
    ):
        preference(**images, p1=tf.zeros((1, 64, 65, 3)))


def test_the_pair_command_uses_the_export_of_a_run(
    exported_run, run, example, example_paths, capsys
):
    arguments = ["pair", *map(str, example_paths)]
    options = ["--saved-model", str(exported_run), "--json"]
    assert command([*arguments, *options]) == 0
    found = json.loads(capsys.readouterr().out)
    expected = run.layer()(*(images[:1] for images in example))
    assert found["distance"] == pytest.approx(float(expected[0]), abs=1e-6)
    assert found["training_run"]["recipe"] == "alex/lin-fast"


def test_a_run_of_another_net_is_an_error(run_folder, tmp_path, capsys):
    arguments = ["--from", str(run_folder), "--output", str(tmp_path)]
    assert program.main([*arguments, "--net", "vgg"]) == 1
    error = capsys.readouterr().err
    assert error.startswith("saved_models.export: ")
    assert "is a run of alex, not of vgg" in error
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("option", [["--off-the-shelf"], ["--version", "0.0"]])
def test_a_run_takes_no_flags_of_published_heads(option, tmp_path, capsys):
    arguments = ["--from", str(tmp_path), "--output", str(tmp_path / "model")]
    with pytest.raises(SystemExit) as exit:
        program.main([*arguments, *option])
    assert exit.value.code == 2
    assert "--from brings its own heads" in capsys.readouterr().err


def test_a_folder_without_a_run_is_an_error(tmp_path, capsys):
    arguments = ["--from", str(tmp_path), "--output", str(tmp_path / "model")]
    assert program.main(arguments) == 1
    assert "holds no run of training.train" in capsys.readouterr().err
    assert not (tmp_path / "model").exists()


def test_weights_with_unknown_keys_are_an_error(run_folder, tmp_path):
    for name in ("settings.json", "history.csv"):
        (tmp_path / name).write_bytes((run_folder / name).read_bytes())
    arrays = read_npz(run_folder / "weights.npz")
    surplus = np.zeros(1, np.float32)
    write_npz(
        tmp_path / "weights.npz",
        arrays | {"backbone/conv1/kernel": surplus, "ranking_head/x": surplus},
    )
    run = TrainedRun(tmp_path)
    with pytest.raises(
        WeightsError, match=r"unknown \['backbone/conv1/kernel'\]"
    ):
        run.layer()
    with pytest.raises(WeightsError, match=r"unknown \['ranking_head/x'\]"):
        run.ranking_head()
