import shutil

import numpy as np
import pytest

from keras_lpips.weights.npz import read_npz
from tests.support.training_runs import check_close, run_training
from training import precompute, train
from training.data import precompute as data_precompute

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
    done.write_text('{"triplets": 3}')
    try:
        status = train.main(
            ["--data-dir", str(judged), "--output", str(tmp_path / "run")]
            + ["--vectors", str(beams), *FLAGS]
        )
    finally:
        done.write_text(held)
    assert status == 1
    assert "3 triplets of val_cnn, not of 4" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["train.npy", "val_cnn.judge.npy"])
@pytest.mark.parametrize("damage", ["missing", "cut", "changed"])
def test_damaged_vectors_are_rejected_and_computed_again(
    name, damage, beams, judged, tmp_path, capsys
):
    folder = shutil.copytree(beams, tmp_path / "vectors")
    content = (folder / name).read_bytes()
    (folder / name).unlink()
    if damage == "cut":
        (folder / name).write_bytes(content[:-8])
    elif damage == "changed":
        (folder / name).write_bytes(content[:-1] + b"\1")
    data = ["--data-dir", str(judged), *FLAGS]
    run = ["--output", str(tmp_path / "run"), "--vectors", str(folder)]
    assert train.main([*data, *run]) == 1
    error = capsys.readouterr().err
    assert "differs from its digest" in error and error.count("\n") == 1
    assert precompute.main([*data, "--output", str(folder)]) == 0
    np.testing.assert_allclose(
        np.load(folder / name), np.load(beams / name), rtol=1e-4, atol=1e-7
    )


def test_a_damaged_part_is_computed_again(
    beams, judged, tmp_path, monkeypatch, capsys
):
    folder = tmp_path / "vectors"
    flags = ["--data-dir", str(judged), "--output", str(folder), *FLAGS]
    flags += ["--triplets-per-task", "12"]

    def stop(*arguments):
        raise OSError(28, "stopped")

    with monkeypatch.context() as patch:
        patch.setattr(data_precompute, "_join", stop)
        assert precompute.main(flags) == 1
    first, second, *_ = sorted((folder / "parts").glob("*.npz"))
    first.write_bytes(first.read_bytes()[:-9])
    second.unlink()
    assert precompute.main(flags) == 0
    for name in ("train.npy", "train.judge.npy"):
        assert (folder / name).read_bytes() == (beams / name).read_bytes()


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
