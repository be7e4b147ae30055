"""Files are found by patterns."""

from pipelines.filesystems import list_files


def test_a_pattern_without_a_folder_is_of_this_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("a.png", "b.png", "c.txt"):
        (tmp_path / name).touch()
    assert list_files("*.png") == ["./a.png", "./b.png"]
    assert list_files("./*.png") == ["./a.png", "./b.png"]
    assert list_files("a.png") == ["a.png"]
