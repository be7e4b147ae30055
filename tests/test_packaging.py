"""The sdist and the wheel: built, installed and used outside the checkout."""

import json
import os
import subprocess
import sys
from importlib import metadata

import pytest

from tests.support.paths import REPOSITORY

pytestmark = [pytest.mark.packaging, pytest.mark.slow]
USE = """
import json
import numpy as np
import keras_lpips, keras_lpips_cli, tfds_bapps
images = np.zeros((2, 64, 64, 3), np.uint8)
images[1, 16:48] = 200
print(json.dumps({
    "files": [m.__file__ for m in (keras_lpips, keras_lpips_cli, tfds_bapps)],
    "version": keras_lpips.__version__,
    "distance": float(keras_lpips.distance(*images)),
}))
"""


@pytest.fixture(scope="module")
def distributions(tmp_path_factory):
    """The sdist, and the wheel that is built from it."""
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--outdir", folder, REPOSITORY]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    (sdist,), (wheel,) = folder.glob("*.tar.gz"), folder.glob("*.whl")
    return {"sdist": sdist, "wheel": wheel}


@pytest.fixture(scope="module", params=["sdist", "wheel"])
def installed(request, distributions, tmp_path_factory):
    """A folder into which one of them is installed, without dependencies."""
    folder = tmp_path_factory.mktemp(request.param)
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps"]
    command += ["--target", folder, distributions[request.param]]
    subprocess.run(command, check=True)
    return folder


def run(installed, folder, *command):
    environment = {**os.environ, "PYTHONPATH": str(installed)}
    return subprocess.run(
        list(map(str, command)),
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    ).stdout


def test_the_package_works_outside_the_checkout(installed, backbone, tmp_path):
    backbone("alex")
    out = run(installed, tmp_path, sys.executable, "-c", USE)
    found = json.loads(out.splitlines()[-1])
    assert all(file.startswith(str(installed)) for file in found["files"])
    assert found["distance"] > 0.1
    (info,) = metadata.distributions(path=[str(installed)])
    assert found["version"] == info.version


def test_the_command_is_installed(installed, tmp_path):
    script = installed / "bin" / "keras-lpips"
    out = run(installed, tmp_path, sys.executable, script, "--help")
    assert out.startswith("usage: keras-lpips")


def test_types_and_the_files_of_the_dataset_are_installed(installed):
    assert (installed / "keras_lpips" / "py.typed").is_file()
    for package in ("keras_lpips", "tfds_bapps"):
        source = REPOSITORY / package
        wanted = subprocess.run(
            ["git", "ls-files", "."], cwd=source, capture_output=True, text=True
        ).stdout.split()
        assert wanted
        for name in wanted:
            # A dataset's test and its data stay in the checkout.
            if not name.endswith(("_test.py", ".md")) and "dummy" not in name:
                assert (installed / package / name).is_file(), name


def test_the_metadata_is_complete(installed):
    (info,) = metadata.distributions(path=[str(installed)])
    described = info.metadata
    assert described["License-Expression"] == "BSD-2-Clause"
    assert described["Requires-Python"] == ">=3.10"
    assert described["Description-Content-Type"] == "text/markdown"
    assert len(described.get_all("Classifier")) >= 8
    assert described.get_all("Project-URL")
    core = [x for x in info.requires if "extra ==" not in x]
    names = {x.split(">")[0].split("<")[0].strip().lower() for x in core}
    assert names == {"keras", "numpy", "pillow", "tifffile"}
    extras = set(described.get_all("Provides-Extra"))
    assert extras >= {
        *("tensorflow", "jax", "torch", "cli", "video", "data"),
        *("pipelines", "training", "serving", "docs", "test"),
    }
