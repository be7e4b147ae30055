"""The export of what was trained here."""

import json

import numpy as np
import pytest
import tensorflow as tf

from keras_lpips import WeightsError
from keras_lpips.weights.npz import read_npz, write_npz
from keras_lpips_cli.main import main as command
from saved_models import export as program
from saved_models.store.model_card import read_card
from training.run.run_loading import TrainedRun


def test_the_card_tells_of_the_run(exported_run, trained):
    folder, _ = trained
    card = read_card(exported_run / "1")
    run = card["training_run"]
    assert run == TrainedRun(folder).description()
    assert run["recipe"] == "alex/lin-fast"
    assert run["data"].startswith("bapps/twoafc_64")
    # That nobody made them is said only of synthetic data.
    assert run["judgements"] is None
    assert run["epochs"] == 2
    assert run["score"].keys() == {"cnn_2afc"}
    digest = (folder / "weights.sha256").read_text().strip()
    assert run["weights_digest"] == digest
    assert len(run["settings_digest"]) == 64
    assert card["metric"] == "LPIPS, trained by training.train"
    assert card["parity"]["largest_difference"] < 1e-6
    assert card["parity"]["largest_difference_of_preference"] < 1e-6
    assert card["signatures"]["preference"].keys() == {"reference", "p0", "p1"}


@pytest.fixture
def preference(loaded, exported_run):
    """The exported graph."""
    return loaded(exported_run).signatures["preference"]


def test_a_preference_is_of_any_batch_and_size(preference, trained):
    _, model = trained
    generator = np.random.default_rng(0)
    # Of the first, one triplet is computed at once.
    for shape in ((3, 300, 300, 3), (5, 31, 40, 3)):
        triplet = generator.integers(0, 256, (3, *shape), np.uint8)
        batch = dict(zip(("ref", "p0", "p1"), triplet, strict=True))
        expected = tf.sigmoid(model(batch)[2])
        scaled = triplet.astype(np.float32) / 127.5 - 1
        found = preference(
            **dict(zip(("reference", "p0", "p1"), scaled, strict=True))
        )["preference"]
        np.testing.assert_allclose(found, expected, atol=1e-6)


def test_a_triplet_of_two_shapes_is_refused(preference):
    images = {role: tf.zeros((1, 64, 64, 3)) for role in ("reference", "p0")}
    with pytest.raises(
        tf.errors.InvalidArgumentError,
        match="`reference`, `p0` and `p1` must have one shape",
    ):
        preference(**images, p1=tf.zeros((1, 64, 65, 3)))


def test_the_pair_command_takes_a_runs_export(
    exported_run, trained, shared_data, capsys
):
    _, model = trained
    paths = [shared_data / "examples" / f"ex_{x}.png" for x in ("ref", "p1")]
    arguments = ["pair", *map(str, paths), "--saved-model", str(exported_run)]
    assert command([*arguments, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    pair = [
        tf.io.decode_png(path.read_bytes(), channels=3)[None] for path in paths
    ]
    assert found["distance"] == pytest.approx(
        float(model.lpips(*pair)[0]), abs=1e-6
    )
    assert found["training_run"]["recipe"] == "alex/lin-fast"


@pytest.mark.parametrize(
    ("option", "sentence"),
    [
        (["--net", "vgg"], "is a run of alex, not of vgg"),
        (["--off-the-shelf"], "--from brings its own heads"),
        (["--heads", "0.0"], "--from brings its own heads"),
    ],
)
def test_a_run_of_another_kind_is_refused(
    option, sentence, trained, tmp_path, capsys
):
    folder, _ = trained
    arguments = ["--from", str(folder), "--output", str(tmp_path)]
    assert program.main([*arguments, *option]) == 1
    error = capsys.readouterr().err
    assert error.startswith("export: ") and sentence in error
    assert not list(tmp_path.iterdir())


def test_a_folder_without_a_run_is_refused(tmp_path, capsys):
    arguments = ["--from", str(tmp_path), "--output", str(tmp_path / "model")]
    assert program.main(arguments) == 1
    assert "holds no run of training.train" in capsys.readouterr().err
    assert not (tmp_path / "model").exists()


def test_weights_that_do_not_fit_are_refused(trained, tmp_path):
    folder, _ = trained
    for name in ("settings.json", "history.csv"):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    arrays = read_npz(folder / "weights.npz")
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
