"""Who may know of whom, and what importing the metric costs."""

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PROGRAMS = {"pipelines", "training", "saved_models", "examples", "benchmarks"}
# What each package must know nothing of.
FORBIDDEN = {
    "keras_lpips": PROGRAMS | {"tfds_bapps", "tests"},
    "tfds_bapps": PROGRAMS | {"keras_lpips", "tests"},
    "pipelines": {"training", "saved_models", "examples", "tests"},
    "training": {"saved_models", "examples", "tests"},
    "saved_models": {"tfds_bapps", "pipelines", "examples", "tests"},
}
# TensorFlow belongs to the programs; the metric runs on any backend. The one
# file that compiles for a backend imports that backend, and what an export
# holds runs on TensorFlow whatever Keras runs on.
BACKENDS = {"tensorflow", "jax", "torch"}
MAY_IMPORT_BACKENDS = {
    "keras_lpips/inference/jit.py",
    "keras_lpips/inference/saved_model.py",
}


def imported(path):
    """Names of the packages that a file imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield node.module.split(".")[0]


@pytest.mark.parametrize("package", FORBIDDEN)
def test_dependency_arrows_hold(package):
    for path in sorted((ROOT / package).rglob("*.py")):
        # A dataset's own test lies in its folder, as TFDS has it.
        if path.name.endswith("_test.py"):
            continue
        wrong = FORBIDDEN[package] & set(imported(path))
        assert not wrong, f"{path.relative_to(ROOT)} imports {wrong}"


def test_the_metric_computes_with_keras_alone():
    for path in sorted((ROOT / "keras_lpips").rglob("*.py")):
        name = path.relative_to(ROOT).as_posix()
        if name not in MAY_IMPORT_BACKENDS:
            assert not BACKENDS & set(imported(path)), name


def test_importing_the_metric_adds_nothing_heavy_to_keras():
    code = """
import json, sys
import keras
before = set(sys.modules)
import keras_lpips
print(json.dumps(sorted({m.split(".")[0] for m in set(sys.modules) - before})))
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    added = set(json.loads(done.stdout.splitlines()[-1]))
    heavy = {
        "apache_beam",
        "tensorflow_datasets",
        "matplotlib",
        "skimage",
        "scipy",
        "cv2",
    }
    assert "keras_lpips" in added
    assert not heavy & added
