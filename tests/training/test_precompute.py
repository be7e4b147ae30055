import numpy as np
import pytest

from keras_lpips.weights.npz import read_npz
from tests.training.test_train import check_close, run
from training import precompute, train

FLAGS = ["--recipe", "alex/lin-fast"]


@pytest.fixture(scope="module")
def own(judged, tmp_path_factory, backbone):
    """A run that made its vectors itself."""
    folder = tmp_path_factory.mktemp("own") / "run"
    run(judged, folder, f"{backbone('alex')}/lin-fast")
    return folder


@pytest.fixture(scope="module")
def beams(own, judged, tmp_path_factory):
    """The vectors that Beam makes, in tasks that cut batches in two."""
    folder = tmp_path_factory.mktemp("beam") / "vectors"
    flags = ["--data-dir", str(judged), "--output", str(folder), *FLAGS]
    assert precompute.main([*flags, "--triplets-per-task", "30"]) == 0
    return folder


@pytest.mark.parametrize("name", ["train", "val_cnn", "val_traditional"])
def test_beam_makes_the_vectors_that_training_makes(own, beams, name):
    for file in (f"{name}.npy", f"{name}.judge.npy"):
        ours, theirs = np.load(own / file), np.load(beams / file)
        assert ours.shape == theirs.shape
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-7)


def test_training_on_them_gives_the_same_weights(own, beams, judged, tmp_path):
    weights = run(judged, tmp_path / "run", "alex/lin-fast", vectors=str(beams))
    check_close(weights, read_npz(own / "weights.npz"), rtol=1e-4, atol=1e-6)
    assert not (tmp_path / "run" / "train.npy").exists()


def test_a_repeated_command_finds_all_done(beams, judged):
    before = (beams / "train.npy").stat()
    flags = ["--data-dir", str(judged), "--output", str(beams), *FLAGS]
    assert precompute.main(flags) == 0
    assert (beams / "train.npy").stat().st_mtime_ns == before.st_mtime_ns


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--taps", "conv1"], "another taps and backbone"),
        (["--recipe", "alex/lin"], "are for lin-fast"),
    ],
)
def test_vectors_of_something_else_are_refused(
    flags, said, beams, judged, tmp_path, capsys
):
    status = train.main(
        ["--data-dir", str(judged), "--output", str(tmp_path / "run")]
        + ["--vectors", str(beams), *FLAGS, *flags]
    )
    assert status == 1
    assert said in capsys.readouterr().err


def test_vectors_that_are_not_complete_are_refused(
    beams, judged, tmp_path, capsys
):
    done = beams / "val_cnn.done.json"
    held = done.read_text()
    done.write_text("5")
    try:
        status = train.main(
            ["--data-dir", str(judged), "--output", str(tmp_path / "run")]
            + ["--vectors", str(beams), *FLAGS]
        )
    finally:
        done.write_text(held)
    assert status == 1
    assert "5 triplets of val_cnn, not of 12" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--config", "twoafc"], "holds no bapps/twoafc"),
        (["--taps", "conv9"], "conv9"),
    ],
)
def test_a_fault_is_one_sentence_and_leaves_nothing(
    flags, said, judged, tmp_path, capsys
):
    output = tmp_path / "vectors"
    data = ["--data-dir", str(judged), "--output", str(output), *FLAGS]
    assert precompute.main([*data, *flags]) == 1
    told = capsys.readouterr().err
    assert told.startswith("embed: ") and said in told
    assert not output.exists()


def test_a_count_of_none_is_told_by_the_parser(tmp_path, capsys):
    flags = ["--data-dir", str(tmp_path), "--output", str(tmp_path / "out")]
    with pytest.raises(SystemExit, match="2"):
        precompute.main([*flags, "--triplets-per-task", "0"])
    said = "embed: error: --triplets-per-task must be positive"
    assert said in capsys.readouterr().err
