import errno
import json
import os
import stat
import subprocess
import sys

import pytest

from keras_lpips.atomic_files import (
    atomic_path,
    atomic_paths,
    create_folder,
    open_atomic,
    remove_partial,
    write_csv,
    write_json,
)


def test_a_file_appears_whole_with_the_usual_mode(tmp_path):
    path = tmp_path / "file.txt"
    with atomic_path(path) as partial:
        partial.write_text("new")
        assert not path.exists() and partial.suffix == ".txt"
    assert path.read_text() == "new"
    (tmp_path / "usual").touch()
    usual = (tmp_path / "usual").stat().st_mode
    assert stat.S_IMODE(path.stat().st_mode) == stat.S_IMODE(usual)


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_an_error_leaves_what_was_there_and_nothing_else(tmp_path, error):
    path = tmp_path / "file.txt"
    path.write_text("old")
    with pytest.raises(error), atomic_path(path) as partial:
        partial.write_text("half")
        raise error
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_an_error_of_the_system_names_the_file(tmp_path):
    path = tmp_path / "file.txt"
    with pytest.raises(OSError) as caught, atomic_path(path):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert caught.value.filename == str(path)
    with pytest.raises(OSError, match="No such file") as caught:
        write_json(tmp_path / "none" / "file.json", {})
    assert caught.value.filename == str(tmp_path / "none" / "file.json")


def test_files_are_renamed_together_or_not_at_all(tmp_path):
    paths = tmp_path / "a.txt", tmp_path / "b.txt"
    with pytest.raises(ValueError), atomic_paths(*paths) as partials:
        partials[0].write_text("a")
        raise ValueError
    assert list(tmp_path.iterdir()) == []
    with atomic_paths(*paths) as partials:
        for partial in partials:
            partial.write_text(partial.suffix)
    assert sorted(tmp_path.iterdir()) == sorted(paths)


def test_a_link_stays_a_link(tmp_path):
    (tmp_path / "real.csv").touch()
    os.symlink("real.csv", tmp_path / "link.csv")
    write_csv(tmp_path / "link.csv", ["a"], [[1]])
    assert (tmp_path / "link.csv").is_symlink()
    assert (tmp_path / "real.csv").read_bytes() == b"a\r\n1\r\n"


def test_what_a_killed_process_left_is_removed_and_nothing_else(tmp_path):
    (tmp_path / ".hidden.npz").touch()
    code = (
        "import os, sys; from keras_lpips.atomic_files import atomic_path\n"
        "with atomic_path(sys.argv[1]): os._exit(9)"
    )
    path = tmp_path / "weights.npz"
    subprocess.run([sys.executable, "-c", code, path], check=False)
    assert len(list(tmp_path.iterdir())) == 2
    remove_partial(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [".hidden.npz"]


def test_names_that_are_no_utf8_are_written_as_they_are(tmp_path):
    name = os.fsdecode(b"\xff\xc3\xbc.png")
    write_csv(tmp_path / "a.csv", ["name"], [[name]])
    assert (tmp_path / "a.csv").read_bytes() == b"name\r\n\xff\xc3\xbc.png\r\n"
    write_json(tmp_path / "a.json", name)
    assert json.loads((tmp_path / "a.json").read_text()) == name


def test_json_holds_no_nan(tmp_path):
    with pytest.raises(ValueError):
        write_json(tmp_path / "a.json", {"mean": float("nan")})
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_leaves_nothing_and_names_the_file(small_disk):
    path = small_disk / "big.csv"
    with pytest.raises(OSError) as caught:
        write_csv(path, ["x"], [["y" * 100]] * 5000)
    assert caught.value.errno == errno.ENOSPC
    assert caught.value.filename == str(path)
    assert list(small_disk.iterdir()) == []


def test_a_folder_that_was_made_stays_unless_an_error_left_it_empty(tmp_path):
    with pytest.raises(KeyboardInterrupt), create_folder(tmp_path / "a" / "b"):
        raise KeyboardInterrupt
    assert not list(tmp_path.iterdir())
    with create_folder(tmp_path / "a" / "b") as folder:
        assert folder.is_dir()
    with pytest.raises(OSError), create_folder(folder):
        raise OSError("an old folder is no part of it")
    assert folder.is_dir()
    with pytest.raises(OSError), create_folder(tmp_path / "c" / "d") as full:
        (full.parent / "file").touch()
        raise OSError
    assert [path.name for path in (tmp_path / "c").iterdir()] == ["file"]


def test_of_two_writers_at_once_the_last_leaves_a_whole_file(tmp_path):
    path = tmp_path / "x.csv"
    with open_atomic(path, "w") as first:
        first.write("a" * 99)
        with open_atomic(path, "w") as second:
            second.write("b")
        assert path.read_text() == "b"
        first.write("a")
    assert path.read_text() == "a" * 100
    assert list(tmp_path.iterdir()) == [path]
