"""Files are found by patterns."""

from pipelines.filesystems import list_files


def test_a_pattern_without_a_folder_is_of_this_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("a.png", "b.png", "c.txt"):
        (tmp_path / name).touch()
    assert list_files("*.png") == ["./a.png", "./b.png"]
    assert list_files("./*.png") == ["./a.png", "./b.png"]
    assert list_files("a.png") == ["a.png"]


def test_a_first_folder_with_wildcards_is_below_this_one(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "b.png").touch()
    assert list_files("*/b.png") == ["./a/b.png"]
