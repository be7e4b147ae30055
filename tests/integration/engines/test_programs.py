"""The programs on engines: the bytes of the direct runner."""

import pytest

from pipelines.prepare_bapps import main as prepare_bapps
from pipelines.score import main as score
from tests.support.fake_judgements import write_tree
from tests.support.fake_pairs import pixels_of, png, write_list


@pytest.fixture
def pairs(tmp_path):
    """A list of 40 pairs; a file of one is damaged."""
    rows = []
    for number in range(40):
        names = [f"{role}{number}.png" for role in ("reference", "distorted")]
        for name, pixels in zip(names, pixels_of(number, 64), strict=True):
            (tmp_path / name).write_bytes(png(pixels))
        rows.append(names)
    (tmp_path / "distorted7.png").write_bytes(b"\x89PNG but not whole")
    return write_list(tmp_path / "pairs.csv", rows)


def contents(folder):
    """Returns the bytes of a folder's files by name, without manifests."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name != "manifest.json"
    }


@pytest.mark.parametrize("output_format", ["csv", "tfrecord"])
def test_scores_have_equal_bytes(
    pairs, tmp_path, engine, output_format, backbone
):
    backbone("alex")
    flags = ["--pairs", pairs, "--format", output_format, "--tolerate", 1]
    flags += ["--shard-pairs", 10, "--output"]
    here, there = tmp_path / "here", tmp_path / "there"
    assert score([*flags, here]) == 0
    assert score([*flags, there, "--", *engine]) == 0
    assert len(contents(here)) >= 4
    assert contents(there) == contents(here)


def test_failed_pairs_end_the_job(pairs, tmp_path, engine, backbone, capfd):
    backbone("alex")
    flags = ["--pairs", pairs, "--output", tmp_path / "scores", "--", *engine]
    assert score(flags) == 1
    assert "distorted7.png" in capfd.readouterr().err


def test_a_prepared_dataset_has_equal_bytes(tmp_path, engine):
    source = tmp_path / "source"
    write_tree(source, {"val/cnn": 40})
    folders = []
    for name, options in (("here", []), ("there", ["--", *engine])):
        folder = tmp_path / name
        flags = ["--source", source, "--data-dir", folder]
        assert prepare_bapps([*flags, *options]) == 0
        folders.append(contents(folder))
    assert folders[0]
    assert folders[1] == folders[0]


def test_a_relative_output_is_one_sentence(
    pairs, tmp_path, engine, monkeypatch, capfd, backbone
):
    backbone("alex")
    (tmp_path / "driver").mkdir()
    monkeypatch.chdir(tmp_path / "driver")
    flags = ["--pairs", pairs, "--output", "scores", "--tolerate", 1]
    assert score([*flags, "--", *engine]) == 1
    assert "does not see the files" in capfd.readouterr().err
