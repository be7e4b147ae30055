"""Checks of a run's folder before the first step."""

import shutil
import subprocess
from pathlib import Path

import pytest

from keras_lpips.atomic_files import write_json
from training import train
from training.data.dataset import DataError, open_prepared
from training.data.fingerprint import identify
from training.data.vectors import check_description
from training.run.run_folder import RunError, open_folder

SETTINGS = {"seed": 0, "taps": []}


@pytest.fixture
def data(judged):
    return open_prepared(judged, "twoafc_64")


def open_run(path, data, **settings):
    return open_folder(path, {**SETTINGS, **settings}, "alex", data, "", True)


@pytest.fixture
def run(data, tmp_path):
    return open_run(tmp_path / "run", data)


@pytest.fixture
def moved(judged, tmp_path):
    """The same data in another place."""
    return shutil.copytree(judged, tmp_path / "moved")


@pytest.fixture
def remade(moved):
    """Other data under the same name, of the same size."""
    (manifest,) = Path(moved).glob("bapps/twoafc_64/*/manifest.json")
    text = manifest.read_text()
    assert '"source_sha256": "' in text
    start = text.index('"source_sha256": "') + len('"source_sha256": "')
    manifest.write_text(text[:start] + 8 * "0" + text[start + 8 :])
    return open_prepared(moved, "twoafc_64")


def test_a_run_resumes_where_its_data_were_moved(run, moved):
    assert open_run(run, open_prepared(moved, "twoafc_64")) == run


def test_a_run_does_not_go_on_with_other_data_of_the_same_name(run, remade):
    with pytest.raises(RunError, match="on other data than .*moved"):
        open_run(run, remade)


def test_a_shard_of_another_size_is_other_data(data, moved):
    (shard,) = Path(moved).glob("bapps/twoafc_64/*/*val_cnn*")
    shard.write_bytes(shard.read_bytes()[:-1])
    assert identify(open_prepared(moved, "twoafc_64")) != identify(data)


def test_vectors_of_other_data_of_the_same_name_are_rejected(
    data, remade, tmp_path
):
    write_json(tmp_path / "vectors.json", identify(data))
    check_description(tmp_path, identify(data))
    with pytest.raises(DataError, match="vectors of another data$"):
        check_description(tmp_path, identify(remade))


def test_the_settings_that_differ_are_named(run, data):
    with pytest.raises(RunError, match=r"other settings \(seed\)"):
        open_run(run, data, seed=1)


@pytest.fixture
def refused(small_disk, judged, capsys, backbone):
    """A function that trains in a folder of the small disk.

    It must fail before the first step, with one sentence, which it returns.
    """
    output = small_disk / "run"
    flags = ["--recipe", f"{backbone('alex')}/lin", "--data-dir", str(judged)]

    def train_there():
        assert train.main([*flags, "--output", str(output)]) == 1
        assert [path.name for path in output.iterdir()] == ["settings.json"]
        error = capsys.readouterr().err.splitlines()[-1]
        assert error.startswith(f"training.train: {output} ")
        return error

    return train_there


def test_a_disk_without_room_for_checkpoints_is_found_before_the_first_step(
    refused,
):
    assert "needs 0.09 MB of disk space and has 0.0" in refused()


def test_a_disk_that_became_full_is_found_when_a_run_goes_on(
    small_disk, refused
):
    refused()
    with pytest.raises(OSError), open(small_disk / "filler", "wb") as file:
        file.write(bytes(1 << 20))
    assert refused().endswith("cannot be written: No space left on device")


def test_a_folder_that_became_read_only_is_found_when_a_run_goes_on(
    small_disk, refused
):
    refused()
    remount = ["mount", "-o", "remount,ro", str(small_disk)]
    subprocess.run(remount, check=True)
    assert refused().endswith("cannot be written: Read-only file system")
