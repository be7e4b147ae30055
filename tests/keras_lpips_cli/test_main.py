import json
import os
import signal
import subprocess
import sys

import pytest

from tests.support.paths import REPOSITORY

COMMANDS = ("pair", "folders", "matrix", "video", "optimize", "weights")
PROGRAM = (sys.executable, "-m", "keras_lpips_cli")


def run_program(*arguments):
    return subprocess.run(
        [*PROGRAM, *arguments], cwd=REPOSITORY, capture_output=True, text=True
    )


@pytest.mark.parametrize("arguments", [[], *([name] for name in COMMANDS)])
def test_help_lists_what_there_is(command, arguments):
    done = command(*arguments, "--help")
    assert (done.status, done.err) == (0, "")
    prefix = " ".join(["usage: keras-lpips", *arguments])
    assert done.out.startswith(prefix)
    described = " ".join(done.out.split())
    for part in {
        (): COMMANDS,
        ("pair",): (
            "--net {alex,vgg,squeeze}",
            "--version {0.1,0.0,st}",
            "--map PATH",
            "--json",
            "REFERENCE DISTORTED",
            "--tile INT",
        ),
        ("folders",): (
            "REFERENCES DISTORTED",
            "--output PATH",
            "--tolerate INT",
        ),
        ("matrix",): ("FOLDER", "--resize HEIGHTxWIDTH"),
        ("video",): ("--output PATH", "--resize HEIGHTxWIDTH"),
        ("optimize",): ("REFERENCE [START]", "--steps", "(default: 200)"),
        ("weights",): ("fetch", "import", "verify", "where"),
    }[tuple(arguments)]:
        assert part in described


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["unknown"],
        ["pair"],
        ["pair", "a.png"],
        ["pair", "a.png", "b.png", "--tile", "0"],
        ["optimize", "a.png", "--output", "b.png", "--learning-rate", "inf"],
        ["weights"],
        ["weights", "fetch", "alex", "resnet"],
    ],
)
def test_wrong_arguments_exit_with_2(command, arguments):
    done = command(*arguments)
    assert (done.status, done.out) == (2, "")
    assert "keras-lpips" in done.err and "--help" in done.err


def test_the_program_prints_json_and_nothing_else(photo_folders, backbone):
    backbone("alex")
    paths = [folder / "coffee.png" for folder in photo_folders]
    done = run_program("pair", *paths, "--json")
    assert done.returncode == 0
    assert json.loads(done.stdout)["distance"] > 0


def test_the_program_fails_with_one_sentence():
    done = run_program("pair", "none.png", "none.png")
    assert (done.returncode, done.stdout) == (1, "")
    # TensorFlow logs lines of its own before it reads any setting.
    assert done.stderr.endswith("keras-lpips: none.png does not exist\n")


@pytest.mark.usefixtures("ctrl_c")
def test_ctrl_c_while_keras_is_imported_is_one_sentence(tmp_path):
    (tmp_path / "keras.py").write_text(
        "import time\nprint('importing', flush=True)\ntime.sleep(60)\n"
    )
    process = subprocess.Popen(
        [*PROGRAM, "optimize", "a.png", "--output", tmp_path / "out.png"],
        cwd=REPOSITORY,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout.readline() == "importing\n"
        process.send_signal(signal.SIGINT)
        _, error = process.communicate(timeout=30)
    finally:
        process.kill()
    assert (process.returncode, error) == (130, "keras-lpips: interrupted\n")
    assert list(tmp_path.glob("*.png")) == []
