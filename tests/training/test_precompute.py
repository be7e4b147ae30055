import numpy as np
import pytest

from keras_lpips.weights.npz import read_npz
from tests.support.training_runs import check_close, run_training
from training import precompute, train

FLAGS = ["--recipe", "alex/lin-fast"]


@pytest.fixture(scope="module")
def own(judged, tmp_path_factory, backbone):
    """The folder of a run that computed its own vectors."""
    folder = tmp_path_factory.mktemp("own") / "run"
    run_training(judged, folder, f"{backbone('alex')}/lin-fast")
    return folder


@pytest.fixture(scope="module")
def beams(own, judged, tmp_path_factory):
    """The folder of vectors computed with Beam, in small tasks."""
    folder = tmp_path_factory.mktemp("beam") / "vectors"
    flags = ["--data-dir", str(judged), "--output", str(folder), *FLAGS]
    assert precompute.main([*flags, "--triplets-per-task", "12"]) == 0
    return folder


@pytest.mark.parametrize("name", ["train", "val_cnn", "val_traditional"])
def test_beam_computes_the_vectors_of_training(own, beams, name):
    for file in (f"{name}.npy", f"{name}.judge.npy"):
        ours, theirs = np.load(own / file), np.load(beams / file)
        assert ours.shape == theirs.shape
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-7)


def test_training_on_them_gives_the_same_weights(own, beams, judged, tmp_path):
    weights = run_training(
        judged, tmp_path / "run", "alex/lin-fast", vectors=str(beams)
    )
    check_close(weights, read_npz(own / "weights.npz"), rtol=1e-4, atol=1e-6)
    assert not (tmp_path / "run" / "train.npy").exists()


def test_a_repeated_command_computes_nothing(beams, judged):
    before = (beams / "train.npy").stat()
    flags = ["--data-dir", str(judged), "--output", str(beams), *FLAGS]
    assert precompute.main(flags) == 0
    assert (beams / "train.npy").stat().st_mtime_ns == before.st_mtime_ns


def test_vectors_of_other_taps_are_rejected(beams, judged, tmp_path, capsys):
    status = train.main(
        ["--data-dir", str(judged), "--output", str(tmp_path / "run")]
        + ["--vectors", str(beams), *FLAGS, "--taps", "conv1"]
    )
    assert status == 1
    assert "another backbone and taps" in capsys.readouterr().err


def test_incomplete_vectors_are_rejected(beams, judged, tmp_path, capsys):
    done = beams / "val_cnn.done.json"
    held = done.read_text()
    done.write_text("3")
    try:
        status = train.main(
            ["--data-dir", str(judged), "--output", str(tmp_path / "run")]
            + ["--vectors", str(beams), *FLAGS]
        )
    finally:
        done.write_text(held)
    assert status == 1
    assert "3 triplets of val_cnn, not of 4" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--config", "twoafc"], "holds no bapps/twoafc"),
        (["--taps", "conv9"], "conv9"),
    ],
)
def test_an_error_is_one_sentence_and_leaves_nothing(
    flags, message, judged, tmp_path, capsys
):
    output = tmp_path / "vectors"
    data = ["--data-dir", str(judged), "--output", str(output), *FLAGS]
    assert precompute.main([*data, *flags]) == 1
    told = capsys.readouterr().err
    assert told.startswith("training.precompute: ") and message in told
    assert not output.exists()


def test_an_empty_task_is_an_error_of_usage(tmp_path, capsys):
    flags = ["--data-dir", str(tmp_path), "--output", str(tmp_path / "out")]
    with pytest.raises(SystemExit, match="2"):
        precompute.main([*flags, "--triplets-per-task", "0"])
    assert "--triplets-per-task" in capsys.readouterr().err
