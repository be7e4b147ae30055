import ast
import subprocess
import sys
from pathlib import Path

import tensorflow_datasets as tfds

import tfds_bapps
from tests.support.fake_bapps import files, write_tree
from tests.support.paths import REPOSITORY

PACKAGE = Path(tfds_bapps.__file__).parent
STRANGERS = {"keras_lpips", "pipelines", "training", "saved_models", "keras"}


def test_the_dataset_knows_nothing_of_the_metric_or_the_programs():
    for path in PACKAGE.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in getattr(node, "names", [])]
            names = names if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                names = [node.module]
            assert not STRANGERS & {name.split(".")[0] for name in names}


def test_importing_the_package_registers_the_dataset():
    assert "bapps" in tfds.list_builders(with_community_datasets=False)
    assert set(tfds_bapps.Builder.builder_configs) == {
        "twoafc",
        "jnd",
        "twoafc_64",
        "jnd_64",
    }


def test_the_standard_command_builds_it(tmp_path):
    tree = write_tree(tmp_path / "tree", files({"val/cnn": 3}))
    command = [sys.executable, "-m", "tensorflow_datasets.scripts.cli.main"]
    command += ["build", "tfds_bapps", "--config=twoafc_64"]
    command += [f"--data_dir={tmp_path / 'data'}", f"--manual_dir={tree}"]
    done = subprocess.run(
        command, cwd=REPOSITORY, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    dataset = tfds.load(
        "bapps/twoafc_64", split="val_cnn", data_dir=tmp_path / "data"
    )
    assert len(dataset) == 3
