"""What the programs' libraries say as they are loaded."""

import os
import subprocess
import sys

import pytest

from tests.support.paths import REPOSITORY


def run(code):
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=REPOSITORY,
        env={k: v for k, v in os.environ.items() if not k.startswith("TF_")},
        capture_output=True,
        text=True,
    )


def test_tensorflow_and_beam_are_loaded_without_a_word():
    done = run("import pipelines, tensorflow, apache_beam.io")
    assert (done.returncode, done.stderr) == (0, "")


def test_tensorflow_is_silent_after_it_was_looked_for():
    """As etils does, to know whether there is one."""
    done = run(
        "import pipelines, importlib.util\n"
        "importlib.util.find_spec('tensorflow')\n"
        "import tensorflow"
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("package", ["pipelines", "saved_models", "training"])
def test_each_package_of_programs_asks_for_silence(package):
    done = run(
        f"import {package}, logging, os\n"
        "logging.warning('apitools not found, and so on')\n"
        "print(os.environ['TF_CPP_MIN_LOG_LEVEL'])"
    )
    assert (done.stdout, done.stderr) == ("3\n", "")


def test_other_warnings_are_heard():
    done = run("import pipelines, logging; logging.warning('low on disk')")
    assert "low on disk" in done.stderr


def test_what_is_said_before_a_failure_is_shown(tmp_path):
    broken = tmp_path / "tensorflow.py"
    broken.write_text("import os\nos.write(2, b'no AVX')\nraise ImportError")
    done = run(
        f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n"
        "import pipelines, tensorflow"
    )
    assert done.returncode == 1
    assert done.stderr.startswith("no AVX")


def test_tensorflow_is_not_heard_on_new_shapes():
    done = run(
        "import pipelines, logging\n"
        "log = logging.getLogger('tensorflow')\n"
        "log.warning('6 calls triggered tf.function retracing.')\n"
        "log.warning('low on memory')"
    )
    assert done.stderr == "low on memory\n"
