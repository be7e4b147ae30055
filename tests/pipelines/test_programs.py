"""All programs: their help imports nothing heavy and marks what is required."""

import json
import subprocess
import sys

import pytest

from tests.support.paths import REPOSITORY

PROGRAMS = (
    "contact_sheet",
    "find_duplicates",
    "prepare_bapps",
    "score",
    "synthesize",
    "train_networks",
)
HEAVY = {
    "apache_beam",
    "cv2",
    "keras",
    "scipy",
    "skimage",
    "tensorflow",
    "tensorflow_datasets",
}
CODE = """
import importlib, json, sys
try:
    importlib.import_module("pipelines." + sys.argv[1]).main(["--help"])
except SystemExit as end:
    loaded = sorted({name.partition(".")[0] for name in sys.modules})
    print(json.dumps([end.code, loaded]))
"""


@pytest.mark.parametrize("program", PROGRAMS)
def test_help_imports_nothing_heavy(program):
    done = subprocess.run(
        [sys.executable, "-c", CODE, program],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
    )
    *help_text, last = done.stdout.splitlines()
    status, loaded = json.loads(last)
    assert status == 0
    assert f"usage: pipelines.{program}" in help_text[0]
    assert "(required)" in "".join(help_text)
    assert not HEAVY & set(loaded)
