"""The program on every engine: the same bytes, or one sentence."""

import hashlib
import re
import subprocess
import sys
import time

import pytest

from pipelines import prepare_bapps
from tests.support.beam_engines import (
    ONE_PROCESS,
    PROCESSES,
    flink,
    needs_flink,
    portable,
    worker_killed,
)
from tests.support.fake_bapps import files, png, write_tar, write_tree
from tests.support.paths import REPOSITORY

pytestmark = pytest.mark.usefixtures("quiet_workers")

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
    """Runs the program in this process; returns the digests it made."""
    flags = ["--data-dir", tmp_path / to, "--source", source]
    flags += ["--config", config, "--", *beam]
    assert prepare_bapps.main(list(map(str, flags))) == 0
    return digests(tmp_path / to)


@pytest.fixture
def source(tmp_path):
    return write_tar(tmp_path / "mine.tar", files(COUNTS, size=(40, 50)))


def test_several_processes_write_the_same_bytes_as_one(tmp_path, source, capfd):
    one = run(tmp_path, source, to="one")
    assert len([name for name in one if "tfrecord" in name]) == 3
    two = run(tmp_path, source, *PROCESSES, to="two")
    assert two == one
    out, err = capfd.readouterr()
    for line in out.splitlines():
        assert re.match("Preparing |bapps/twoafc_64: ", line), line
    # Two lines of each worker come before it reads what it is told.
    early = "apitools not found|INFO:__main__:Logging handler created"
    for line in err.splitlines():
        assert re.search(early, line), line


def test_repeated_bundles_write_the_same_bytes(tmp_path, source):
    once = run(tmp_path, source, to="once")
    repeat = "--direct_runner_bundle_repeat=2"
    assert run(tmp_path, source, repeat, to="thrice") == once


def test_workers_of_a_job_service_write_the_same_bytes(
    tmp_path, source, job_service, worker_pool
):
    here = run(tmp_path, source, to="here")
    engine = portable(job_service, worker_pool)
    there = run(tmp_path, source, *engine, to="there")
    assert there == here


@needs_flink
def test_an_embedded_flink_writes_the_same_bytes(tmp_path, source, worker_pool):
    here = run(tmp_path, source, to="here")
    there = run(tmp_path, source, *flink(worker_pool), to="there")
    assert there == here


# Beam's own thread of the dead worker's connection ends with it.
@pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnhandledThreadExceptionWarning"
)
def test_a_killed_worker_changes_no_byte(tmp_path, caplog):
    # Enough work for the death to come in the middle of it.
    made = dict.fromkeys(files({"val/cnn": 1}), None)
    patch = png(size=(40, 50))
    answer = files({"val/cnn": 1})["2afc/val/cnn/judge/000000.npy"]
    made = {
        name.replace("val/cnn", f"val/s{k}").replace("000000", f"{i:06}"): (
            answer if "judge" in name else patch
        )
        for k in range(6)
        for i in range(100)
        for name in made
    }
    source = write_tar(tmp_path / "mine.tar", made)
    whole = run(tmp_path, source, to="whole")

    def begun():
        return list((tmp_path / "mended").glob("bapps/*/*/incomplete.*"))

    with worker_killed(begun) as killed:
        mended = run(tmp_path, source, *PROCESSES, to="mended")
    assert len(killed) == 1
    assert "shards are missing; they are written again" in caplog.text
    assert mended == whole


def refused(capsys, *flags):
    """Runs the program with flags that it refuses; returns its sentence."""
    try:
        status = prepare_bapps.main(list(map(str, flags)))
    except SystemExit as error:
        status = error.code
    assert status in (1, 2)
    last = capsys.readouterr().err.strip().splitlines()[-1]
    assert "Traceback" not in last
    return last


def test_threads_are_refused_with_the_reason(tmp_path, capsys):
    flags = ("--data-dir", tmp_path / "data", "--source", tmp_path)
    mode = "--direct_running_mode=multi_threading"
    assert "seen to lose elements" in refused(capsys, *flags, "--", mode)
    assert not (tmp_path / "data").exists()


def test_unknown_flags_are_refused_on_both_sides(tmp_path, capsys):
    flags = ("--data-dir", tmp_path / "data")
    assert "--sauce" in refused(capsys, *flags, "--sauce", "x")
    message = refused(capsys, *flags, "--", "--direct_num_worker5=2")
    assert "Beam knows no option --direct_num_worker5" in message
    assert "--config must be among" in refused(
        capsys, *flags, "--config", "twoafc_32"
    )


def test_a_source_that_is_not_there_is_named(tmp_path, capsys):
    flags = ("--data-dir", tmp_path / "data", "--source", tmp_path / "none")
    message = refused(capsys, *flags)
    assert message == f"prepare_bapps: {tmp_path / 'none'} does not exist."


def test_all_configurations_that_a_source_holds_are_prepared(tmp_path, capsys):
    made = files({"val/cnn": 2}) | files({"val/cnn": 3}, "jnd")
    tree = write_tree(tmp_path / "both", made)
    flags = ["--data-dir", str(tmp_path / "data"), "--source", str(tree)]
    assert prepare_bapps.main(flags) == 0
    configs = {path.name for path in (tmp_path / "data/bapps").iterdir()}
    assert {"twoafc", "jnd", "twoafc_64", "jnd_64"} <= configs
    assert "bapps/jnd:       3 triplets in val_cnn" in capsys.readouterr().out
    assert prepare_bapps.main(flags) == 0
    assert capsys.readouterr().out.count("is there already") == 4


def test_what_a_source_does_not_hold_is_said_and_leaves_no_folder(
    tmp_path, source, capsys
):
    flags = ["--data-dir", str(tmp_path / "data"), "--source", str(source)]
    assert prepare_bapps.main(flags) == 0
    configs = {path.name for path in (tmp_path / "data/bapps").iterdir()}
    assert not configs & {"jnd", "jnd_64"}
    assert "Left out: mine.tar holds no jnd triplets" in capsys.readouterr().out


def start(tmp_path, source, *beam):
    command = [sys.executable, "-m", "pipelines.prepare_bapps"]
    command += ["--data-dir", tmp_path, "--source", source]
    return subprocess.Popen(
        [*command, "--config", "twoafc", "--", *beam],
        cwd=REPOSITORY,
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    )


@pytest.mark.parametrize("beam", [(), ONE_PROCESS], ids=["one", "processes"])
def test_a_full_disk_is_one_sentence_and_leaves_nothing(
    tmp_path, small_disk, beam
):
    made = files({"val/cnn": 40}, size=(64, 64))
    source = write_tar(tmp_path / "mine.tar", made)
    program = start(small_disk, source, *beam)
    _, error = program.communicate(timeout=120)
    assert program.returncode == 1
    last = error.strip().splitlines()[-1]
    assert last.startswith("prepare_bapps: ")
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
