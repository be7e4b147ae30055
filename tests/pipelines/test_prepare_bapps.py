"""The program: same bytes from several processes, errors in one sentence."""

import hashlib
import subprocess
import sys
import time
from typing import get_args

import pytest

import tfds_bapps
from pipelines import prepare_bapps
from tests.support.beam_engines import (
    PROCESSES,
    worker_killed,
)
from tests.support.fake_bapps import files, png, write_tar, write_tree
from tests.support.paths import REPOSITORY
from tfds_bapps.writing import preparation

COUNTS = {"val/cnn": 40, "val/color": 30, "train/mix": 20}


def digests(folder):
    return {
        str(path.relative_to(folder)): hashlib.sha256(
            path.read_bytes()
        ).hexdigest()
        for path in sorted((folder / "bapps").rglob("*"))
        if path.is_file()
    }


def run(tmp_path, source, *beam, to="data", config="twoafc_64"):
    """Runs the program in this process; returns the digests of its files."""
    flags = ["--data-dir", tmp_path / to, "--source", source]
    flags += ["--config", config, "--", *beam]
    assert prepare_bapps.main(list(map(str, flags))) == 0
    return digests(tmp_path / to)


@pytest.fixture
def source(tmp_path):
    return write_tar(tmp_path / "mine.tar", files(COUNTS, size=(40, 50)))


def test_flags_offer_the_configurations_of_the_builder():
    names = set(get_args(prepare_bapps.ConfigName))
    assert names == set(tfds_bapps.Builder.builder_configs)


@pytest.mark.slow
@pytest.mark.usefixtures("quiet_workers")
def test_several_processes_write_the_same_bytes_as_one(tmp_path, source):
    one = run(tmp_path, source, to="one")
    assert len([name for name in one if "array_record" in name]) == 3
    assert run(tmp_path, source, *PROCESSES, to="two") == one


@pytest.mark.slow
@pytest.mark.usefixtures("quiet_workers")
# Beam's own thread that serves the killed worker ends with an exception.
@pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnhandledThreadExceptionWarning"
)
def test_a_killed_worker_changes_no_byte(tmp_path):
    patch = png(size=(40, 50))
    answer = files({"val/cnn": 1})["2afc/val/cnn/judge/000000.npy"]
    made = {
        name.replace("val/cnn", f"val/s{k}").replace("000000", f"{i:06}"): (
            answer if "judge" in name else patch
        )
        for k in range(6)
        # Enough work for the kill to come before its end.
        for i in range(100)
        for name in files({"val/cnn": 1})
    }
    source = write_tar(tmp_path / "mine.tar", made)
    whole = run(tmp_path, source, to="whole")

    def begun():
        return list((tmp_path / "killed").glob("bapps/*/*/incomplete.*"))

    with worker_killed(begun) as killed:
        after_kill = run(tmp_path, source, *PROCESSES, to="killed")
    assert len(killed) == 1
    assert after_kill == whole


def error_of(capsys, *flags):
    """Runs the program with invalid flags; returns its error message."""
    try:
        status = prepare_bapps.main(list(map(str, flags)))
    except SystemExit as error:
        status = error.code
    assert status in (1, 2)
    error = capsys.readouterr().err.strip()
    assert "Traceback" not in error
    return error


def test_threads_are_rejected_with_the_reason(tmp_path, capsys):
    flags = ("--data-dir", tmp_path / "data", "--source", tmp_path)
    mode = "--direct_running_mode=multi_threading"
    assert "seen to lose elements" in error_of(capsys, *flags, "--", mode)
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--sauce", "x"], "--sauce"),
        (["--config", "twoafc_32"], "twoafc_32"),
        (["--", "--direct_num_worker5=2"], "no option --direct_num_worker5"),
    ],
)
def test_unknown_flags_are_rejected(tmp_path, capsys, flags, message):
    assert message in error_of(capsys, "--data-dir", tmp_path, *flags)


def test_a_source_that_does_not_exist_is_named(tmp_path, capsys):
    flags = ("--data-dir", tmp_path / "data", "--source", tmp_path / "none")
    message = error_of(capsys, *flags).splitlines()[-1]
    assert message == (
        f"pipelines.prepare_bapps: {tmp_path / 'none'} does not exist."
    )


def test_all_configurations_of_a_source_are_prepared_once(tmp_path, capsys):
    made = files({"val/cnn": 2}) | files({"val/cnn": 3}, "jnd")
    tree = write_tree(tmp_path / "both", made)
    flags = ["--data-dir", str(tmp_path / "data"), "--source", str(tree)]
    assert prepare_bapps.main(flags) == 0
    configs = {path.name for path in (tmp_path / "data/bapps").iterdir()}
    assert {"twoafc", "jnd", "twoafc_64", "jnd_64"} <= configs
    assert "bapps/jnd:       3 triplets in val_cnn" in capsys.readouterr().out
    assert prepare_bapps.main(flags) == 0
    assert capsys.readouterr().out.count("exists; delete it") == 4


def test_a_prepared_dataset_that_changed_is_not_called_prepared(
    tmp_path, source, capsys
):
    flags = ["--data-dir", str(tmp_path / "data"), "--source", str(source)]
    flags += ["--config", "twoafc"]
    assert prepare_bapps.main(flags) == 0
    folder = tmp_path / "data/bapps/twoafc/1.0.0"
    shard, other = sorted(folder.glob("*.array_record-*"))[:2]
    content = shard.read_bytes()
    shard.write_bytes(content[:-9])
    other.unlink()
    error = error_of(capsys, *flags)
    assert (
        f"{folder} is damaged: {shard.name}, {other.name} is missing" in error
    )
    manifest = folder / "manifest.json"
    for damaged in (b"", b"[1]", b"{}", b"\xff\xfe"):
        manifest.write_bytes(damaged)
        (error,) = error_of(capsys, *flags).splitlines()
        assert f"{manifest} is damaged: it is not a manifest" in error


def test_of_two_preparations_at_once_the_first_is_kept(
    tmp_path, source, capsys, monkeypatch
):
    flags = ["--data-dir", str(tmp_path / "data"), "--source", str(source)]
    flags += ["--config", "twoafc"]
    write = preparation.write

    def write_after_another(*arguments):
        monkeypatch.setattr(preparation, "write", write)
        assert prepare_bapps.main(flags) == 0
        return write(*arguments)

    monkeypatch.setattr(preparation, "write", write_after_another)
    (error,) = error_of(capsys, *flags).splitlines()[-1:]
    folder = tmp_path / "data" / "bapps" / "twoafc"
    assert error == (
        f"pipelines.prepare_bapps: another preparation has finished "
        f"{folder}/1.0.0 meanwhile; it is kept."
    )
    assert [path.name for path in folder.iterdir()] == ["1.0.0"]
    assert prepare_bapps.main(flags) == 0


def test_configurations_without_triplets_are_skipped(tmp_path, source, capsys):
    flags = ["--data-dir", str(tmp_path / "data"), "--source", str(source)]
    assert prepare_bapps.main(flags) == 0
    configs = {path.name for path in (tmp_path / "data/bapps").iterdir()}
    assert not configs & {"jnd", "jnd_64"}
    assert "Skipped: mine.tar holds no jnd triplets" in capsys.readouterr().out


def start(data_dir, source):
    command = [sys.executable, "-m", "pipelines.prepare_bapps"]
    command += ["--data-dir", data_dir, "--source", source]
    return subprocess.Popen(
        [*command, "--config", "twoafc"],
        cwd=REPOSITORY,
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    )


@pytest.mark.parametrize("file_format", ["array_record", "tfrecord"])
def test_a_full_disk_is_one_sentence_and_leaves_nothing(
    small_disk, tmp_path, capsys, file_format
):
    made = files({"val/cnn": 40}, size=(64, 64))
    source = write_tar(tmp_path / "mine.tar", made)
    flags = ("--data-dir", small_disk, "--source", source)
    flags += ("--config", "twoafc", "--file-format", file_format)
    last = error_of(capsys, *flags).splitlines()[-1]
    assert last.startswith("pipelines.prepare_bapps: ")
    assert "No space left on device" in last
    assert not list(small_disk.glob("bapps/twoafc/*1.0.0*"))


def test_a_stopped_preparation_leaves_nothing(tmp_path):
    made = dict.fromkeys(files({"val/cnn": 3000}), b"")
    source = write_tree(tmp_path / "tree", made)
    data = tmp_path / "data"
    program = start(data, source)
    while not list(data.glob("bapps/*/incomplete.*/*")):
        assert program.poll() is None
        time.sleep(0.01)
    program.terminate()
    program.communicate(timeout=60)
    assert program.returncode != 0
    assert not list(data.glob("bapps/twoafc/*1.0.0*"))
