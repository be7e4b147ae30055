"""On torch, objects have the published weights wherever they are made."""

import json
import os
import subprocess
import sys

import pytest

from tests.support.paths import REPOSITORY


def test_torch_gives_one_number_wherever_the_object_is_made(backbone):
    backbone("alex")
    done = subprocess.run(
        [sys.executable, "-m", "tests.support.construction_places"],
        cwd=REPOSITORY,
        env={**os.environ, "KERAS_BACKEND": "torch"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["backend"] == "torch"
    expected = found["numbers"].pop("first_call_of_distance")
    # The number under TensorFlow.
    assert expected == pytest.approx(0.0649881660938263, rel=1e-5)
    for place, number in found["numbers"].items():
        assert number == pytest.approx(expected, rel=1e-5), place
    assert all(found["untouched"].values()), found["untouched"]
