import gzip
import os
import shutil
import tarfile

import pytest
from etils import epath

from tests.support.fake_bapps import files, png, write_tar, write_tree
from tfds_bapps import PreparationError
from tfds_bapps.source import indexing
from tfds_bapps.source.archives import find_sources

COUNTS = {"val/cnn": 3, "train/mix": 2}


def index(where):
    (source,) = find_sources(where, "2afc")
    return indexing.index_source(source, "2afc")


def test_named_pipes_and_folders_in_a_tree_are_errors(tmp_path):
    made = files(COUNTS)
    for name in ("2afc/val/cnn/ref/000000.png", "2afc/val/cnn/p0/000001.png"):
        made.pop(name)
    tree = write_tree(tmp_path, made)
    os.mkfifo(tree / "2afc/val/cnn/ref/000000.png")
    (tree / "2afc/val/cnn/p0/000001.png").mkdir()
    found = index(tree)
    refused = [e.file for e in found.errors if "regular" in e.reason]
    assert refused == ["p0/000001.png", "ref/000000.png"]
    assert len(found.splits["val_cnn"]) == 1


def test_a_named_pipe_is_no_archive(tmp_path):
    os.mkfifo(tmp_path / "mine.tar")
    for where in (tmp_path, tmp_path / "mine.tar"):
        with pytest.raises(PreparationError, match="is not a regular file"):
            find_sources(where, "2afc")


def test_a_name_in_a_tree_that_is_not_utf8_is_an_error(tmp_path):
    tree = write_tree(tmp_path, files(COUNTS))
    name = os.fsencode(tree / "2afc/val/cnn/ref") + b"/x\xff.png"
    try:
        with open(name, "wb") as file:
            file.write(png())
    except OSError:
        pytest.skip("This file system takes UTF-8 names only.")
    (error,) = index(tree).errors
    assert error.reason == "has a name that is not UTF-8"
    assert error.split == "val_cnn"
    str(error).encode()


def pack(tmp_path, data):
    path = tmp_path / "mine.tar.gz"
    path.write_bytes(gzip.compress(data))
    return path


def test_an_archive_that_expands_too_much_is_rejected(tmp_path, monkeypatch):
    monkeypatch.setattr(indexing, "GZIP_RATIO_FLOOR_BYTES", 1 << 20)
    (source,) = find_sources(pack(tmp_path, bytes(8 << 20)), "2afc")
    with pytest.raises(PreparationError, match="more than 100 times its size"):
        indexing.plain_archive(source, epath.Path(tmp_path))
    monkeypatch.undo()
    plain = indexing.plain_archive(source, epath.Path(tmp_path))
    assert plain.path.read_bytes() == bytes(8 << 20)


def test_room_for_the_plain_archive_is_checked_first(tmp_path, monkeypatch):
    (source,) = find_sources(pack(tmp_path, bytes(100)), "2afc")
    usage = shutil.disk_usage(tmp_path)._replace(free=10)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    with pytest.raises(PreparationError, match="0 MiB are free"):
        indexing.plain_archive(source, epath.Path(tmp_path))
    assert not list(tmp_path.glob("*.plain"))


def test_an_invalid_archive_member_counts_for_every_subset(tmp_path, prepare):
    link = tarfile.TarInfo("2afc/val/cnn/ref/000011.png")
    link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
    made = files(COUNTS) | {"../2afc/val/cnn/ref/000009.png": png()}
    source = write_tar(tmp_path / "mine.tar", made, [link])
    for subset in ((), "mix"):
        with pytest.raises(PreparationError, match="2 invalid triplets"):
            prepare(source, subset=subset)


def test_an_invalid_triplet_counts_for_its_own_subset(tmp_path, prepare):
    made = files(COUNTS)
    del made["2afc/val/cnn/ref/000001.png"]
    source = write_tar(tmp_path / "mine.tar", made)
    with pytest.raises(PreparationError, match="1 invalid triplets or members"):
        prepare(source, subset="cnn")
    mix = prepare(source, subset="mix")
    assert mix.info.splits["train_mix"].num_examples == 2
