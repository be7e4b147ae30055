"""The comparison on an accelerator, tried on this machine's processor."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks.inputs.random_images import draw_images
from keras_lpips import LPIPS

ROOT = Path(__file__).parents[3]
SHORT = ["--nets", "alex", "--sizes", "64", "--batch-pixels", str(2 * 64 * 64)]
SHORT += ["--precisions", "float32", "bfloat16", "--seconds", "0.1"]
SHORT += ["--calls", "1", "--matrix-size", "256", "--without-compile"]
PRECISIONS = ("float32", "bfloat16")
IMPLEMENTATIONS = ("ours", "torch", "torch, channels_last")


@pytest.fixture(scope="module")
def run(tmp_path_factory, reference):
    """A function that runs the program where TensorFlow cannot be loaded."""
    folder = tmp_path_factory.mktemp("without_tensorflow")
    # No `except` of a library's takes this for an absent module.
    refusal = "raise SystemExit('TensorFlow was loaded')\n"
    (folder / "tensorflow.py").write_text(refusal)
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join((str(folder), str(ROOT))),
        # As on a machine without an accelerator.
        "CUDA_VISIBLE_DEVICES": "",
    }

    def run(*arguments):
        return subprocess.run(
            [sys.executable, "-m", "benchmarks.accelerator", *arguments],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
        )

    return run


@pytest.fixture(scope="module")
def measured(run, backbone, tmp_path_factory):
    """The folder of results of a short run on the processor."""
    backbone("alex")
    folder = tmp_path_factory.mktemp("results")
    done = run("--output", str(folder), "--device", "cpu", *SHORT)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module")
def results(measured):
    return json.loads((measured / "accelerator.json").read_text())


def test_every_contestant_is_timed_in_every_precision(results):
    rows = results["rows"]
    assert tuple(row["precision"] for row in rows) == PRECISIONS
    for row in rows:
        assert (row["net"], row["shape"]) == ("alex", [2, 64, 64])
        assert tuple(row["implementations"]) == IMPLEMENTATIONS
        for result in row["implementations"].values():
            assert result["median_ms"] > 0
    for speeds in results["matrix_product"].values():
        assert speeds["jax"] > 0 and speeds["torch"] > 0


def test_in_float32_both_give_the_distances_of_the_layer(results):
    pair = draw_images((2, 64, 64))
    expected = float(np.mean(LPIPS("alex")(*pair)))
    for name, result in results["rows"][0]["implementations"].items():
        assert abs(result["mean_distance"] - expected) < 1e-5, name
        assert result["largest_error"] < 1e-5, name


def test_in_bfloat16_both_are_off_by_its_rounding(results):
    for name, result in results["rows"][1]["implementations"].items():
        assert 1e-5 < result["largest_relative_error"] < 2e-2, name


def test_digests_versions_and_the_seed_lie_beside_the_results(results):
    assert results["weights"]["alex"]["backbone_digest"]
    assert results["weights"]["alex"]["backend"].startswith("jax ")
    assert set(results["machine"]["versions"]) >= {"jax", "torch", "lpips"}
    assert results["devices"]["jax"]["platform"] == "cpu"
    assert results["seed"] == 0


def test_the_tables_have_a_row_for_every_case(measured):
    lines = (measured / "accelerator.md").read_text().splitlines()
    for precision in PRECISIONS:
        case = f"| alex | 2x64x64 | {precision} |"
        assert sum(line.startswith(case) for line in lines) == 2
    tables = [line for line in lines if line.startswith("|")]
    # Two tables of a head, a rule and the rows.
    widths = [line.count("|") for line in tables]
    assert widths == [11] * 4 + [12] * 4


def test_without_an_accelerator_one_sentence_says_so(run, tmp_path):
    done = run("--output", str(tmp_path / "results"))
    assert done.returncode == 2
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line == (
        "benchmarks.accelerator: jax and torch see no GPU here; --device cpu "
        "measures the processor instead"
    )
    assert not (tmp_path / "results").exists()
