import subprocess
import sys

import pytest
import tensorflow_datasets as tfds

import tfds_bapps
from tests.support.fake_bapps import files, write_tree
from tests.support.paths import REPOSITORY


def run_python(*arguments):
    done = subprocess.run(
        [sys.executable, *map(str, arguments)],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_importing_the_package_registers_the_dataset():
    assert "bapps" in tfds.list_builders(with_community_datasets=False)
    assert set(tfds_bapps.Builder.builder_configs) == {
        "twoafc",
        "jnd",
        "twoafc_64",
        "jnd_64",
    }


def test_preparing_in_process_and_reading_do_not_import_beam(tmp_path):
    tree = write_tree(tmp_path / "tree", files({"val/cnn": 3}))
    code = f"""
import sys, tfds_bapps
for file_format in "tfrecord", "array_record":
    place = dict(config="twoafc", data_dir={str(tmp_path)!r} + file_format)
    tfds_bapps.Builder(
        source={str(tree)!r}, file_format=file_format, **place
    ).download_and_prepare()
    print(len(list(tfds_bapps.read_triplets(splits="val_cnn", **place))))
print("apache_beam" in sys.modules)
"""
    lines = run_python("-c", code).splitlines()
    assert [line for line in lines if len(line) < 6] == ["3", "3", "False"]


@pytest.mark.slow
def test_the_command_of_tfds_builds_it_with_beam(tmp_path):
    tree = write_tree(tmp_path / "tree", files({"val/cnn": 3}))
    run_python(
        *("-m", "tensorflow_datasets.scripts.cli.main"),
        *("build", "tfds_bapps/bapps", "--config=twoafc_64"),
        *(f"--data_dir={tmp_path / 'data'}", f"--manual_dir={tree}"),
        "--file_format=array_record",
        "--beam_pipeline_options=direct_num_workers=1",
    )
    source = tfds.data_source(
        "bapps/twoafc_64", split="val_cnn", data_dir=tmp_path / "data"
    )
    assert [example["id"] for example in source] == [
        b"000000",
        b"000001",
        b"000002",
    ]
