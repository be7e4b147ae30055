import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from keras_lpips_cli import main
from keras_lpips_cli.main import COMMANDS

ROOT = Path(__file__).parents[2]
PROGRAM = (sys.executable, str(ROOT / "bin" / "keras-lpips"))
ENVIRONMENT = {
    **{k: v for k, v in os.environ.items() if not k.startswith("TF_")},
    "PYTHONPATH": str(ROOT),
}


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
            "--map MAP",
            "--json",
            "A B",
            "--tile N",
        ),
        ("folders",): ("DIR0 DIR1", "--output OUTPUT", "--tolerate N"),
        ("matrix",): ("DIR", "--resize HEIGHTxWIDTH"),
        ("video",): ("A B", "--output OUTPUT", "--resize HEIGHTxWIDTH"),
        ("optimize",): ("REFERENCE [START]", "--steps", "(default: 200)"),
        ("weights",): ("fetch", "import", "verify", "where"),
    }[tuple(arguments)]:
        assert part in described


@pytest.mark.parametrize(
    "arguments", [[], ["unknown"], ["pair", "a.png"], ["weights"], ["pair"]]
)
def test_a_command_that_is_none_shows_the_usage(command, arguments):
    done = command(*arguments)
    assert done.status == 2 and done.err.startswith("usage: keras-lpips")


@pytest.mark.parametrize(
    ("error", "status", "sentence"),
    [
        (OSError(28, "No space left", "a.csv"), 1, "a.csv: No space left"),
        (OSError("encoder error"), 1, "encoder error"),
        (MemoryError(), 1, "there is not enough memory"),
        (KeyboardInterrupt(), 130, "interrupted"),
    ],
)
def test_what_may_go_wrong_is_one_sentence(
    refused, monkeypatch, error, status, sentence
):
    def fail(*arguments):
        raise error

    monkeypatch.setattr("keras_lpips.images.reader.load_pair", fail)
    found = refused("pair", "a.png", "b.png", status=status)
    assert found == f"keras-lpips: {sentence}\n"


def test_faults_of_the_program_are_not_hidden(monkeypatch):
    def fail(*arguments):
        raise ZeroDivisionError

    monkeypatch.setattr("keras_lpips.images.reader.load_pair", fail)
    with pytest.raises(ZeroDivisionError):
        main.main(["pair", "a.png", "b.png"])


def test_the_program_prints_json_and_nothing_else(photo_folders, backbone):
    backbone("alex")
    paths = [folder / "coffee.png" for folder in photo_folders]
    done = subprocess.run(
        [*PROGRAM, "pair", *paths, "--json"],
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["distance"] > 0


def test_the_program_fails_with_one_sentence(tmp_path):
    done = subprocess.run(
        [*PROGRAM, "pair", "none.png", "none.png"],
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "keras-lpips: none.png does not exist\n"


@pytest.mark.skipif(
    not Path("/dev/full").exists(), reason="There is no /dev/full."
)
def test_output_that_nobody_can_take_is_no_success(photo_folders, backbone):
    backbone("alex")
    path = photo_folders[0] / "coffee.png"
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [*PROGRAM, "pair", path, path],
            env=ENVIRONMENT,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
        )
    assert done.returncode == 1
    assert done.stderr == "keras-lpips: No space left on device\n"


def test_a_reader_that_has_gone_is_no_trouble(photo_folders, backbone):
    backbone("alex")
    path = photo_folders[0] / "coffee.png"
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        [*PROGRAM, "pair", path, path],
        env=ENVIRONMENT,
        stdout=write,
        stderr=subprocess.PIPE,
        text=True,
    )
    os.close(write)
    assert (done.returncode, done.stderr) == (1, "")


@pytest.mark.usefixtures("ctrl_c")
def test_ctrl_c_while_tensorflow_loads_is_quiet(photo_folders, tmp_path):
    paths = [folder / "coffee.png" for folder in photo_folders]
    output = tmp_path / "results" / "out.png"
    output.parent.mkdir()
    process = subprocess.Popen(
        [*PROGRAM, "optimize", *paths, "--steps", "100000"]
        + ["--output", output],
        env=ENVIRONMENT,
        stderr=subprocess.PIPE,
        text=True,
    )
    time.sleep(1)
    process.send_signal(signal.SIGINT)
    try:
        _, error = process.communicate(timeout=30)
    finally:
        process.kill()
    # Ended by the signal while it loads, or by itself shortly after.
    assert process.returncode in (-signal.SIGINT, 130)
    assert error in ("keras-lpips: interrupted\n", "")
    assert list(output.parent.iterdir()) == []
