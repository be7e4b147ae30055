"""Versions are written atomically, once, and in order."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from keras_lpips.inference.saved_model import list_versions
from saved_models.store.versions import VersionError, write_version


def write_something(folder):
    (folder / "saved_model.pb").write_text("graph")


def test_versions_count_up(tmp_path):
    model = tmp_path / "models" / "lpips"
    assert write_version(model, None, write_something).name == "1"
    assert write_version(model, 7, write_something).name == "7"
    assert write_version(model, None, write_something).name == "8"
    assert list_versions(model) == [1, 7, 8]


def test_an_incomplete_version_has_no_name_that_a_server_loads(tmp_path):
    """So a kill leaves none."""

    def write(folder):
        write_something(folder)
        assert folder.parent == tmp_path and list_versions(tmp_path) == []

    assert write_version(tmp_path, None, write).name == "1"


def test_an_existing_version_is_kept(tmp_path):
    write_version(tmp_path, 1, write_something)
    with pytest.raises(VersionError, match="never overwritten"):
        write_version(tmp_path, 1, lambda folder: None)
    assert (tmp_path / "1" / "saved_model.pb").read_text() == "graph"


def test_a_version_written_meanwhile_is_kept(tmp_path):
    def write_late(folder):
        write_version(tmp_path, 3, write_something)
        (folder / "saved_model.pb").write_text("late")

    with pytest.raises(VersionError, match="never overwritten"):
        write_version(tmp_path, 3, write_late)
    assert (tmp_path / "3" / "saved_model.pb").read_text() == "graph"
    assert [path.name for path in tmp_path.iterdir()] == ["3"]


def test_concurrent_exports_get_a_version_each(tmp_path):
    with ThreadPoolExecutor(8) as pool:
        folders = list(
            pool.map(
                lambda _: write_version(tmp_path, None, write_something),
                range(24),
            )
        )
    assert len(set(folders)) == 24
    assert list_versions(tmp_path) == list(range(1, 25))


def test_an_error_removes_the_version(tmp_path):
    def fail(folder):
        write_something(folder)
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        write_version(tmp_path, None, fail)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("version", [0, -1])
def test_a_version_is_at_least_one(version, tmp_path):
    with pytest.raises(VersionError, match="at least 1"):
        write_version(tmp_path, version, write_something)


def test_an_error_removes_the_folders_that_were_made(tmp_path):
    def fail(folder):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_version(tmp_path / "models" / "lpips", None, fail)
    assert not list(tmp_path.iterdir())
