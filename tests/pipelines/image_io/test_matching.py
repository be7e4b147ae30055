"""Images of patterns: found, and matched by name; nothing is dropped."""

import csv
import os

import pytest

from keras_lpips_cli.errors import UserError
from pipelines.image_io.matching import find_images, match


@pytest.fixture
def matched(tmp_path):
    """Makes empty files; matches those below r/ and d/.

    Returns the list, without the folder, and the counts.
    """

    def made(*places, patterns=("r/**", "d/**")):
        for place in places:
            (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / place).touch()
        path = tmp_path / "pairs.csv"
        counts, skipped = match(
            *(f"{tmp_path}/{x}" for x in patterns), str(path)
        )
        assert not any(skipped.values())
        with path.open() as file:
            header, *rows = csv.reader(file)
        assert header == ["reference", "distorted"]
        paths = [[x.removeprefix(f"{tmp_path}/") for x in row] for row in rows]
        return paths, tuple(counts.values())

    return made


def test_images_of_one_place_belong_together(matched, caplog):
    assert matched("r/1.png", "r/k/2.png", "d/1.png", "d/k/2.png") == (
        [["r/1.png", "d/1.png"], ["r/k/2.png", "d/k/2.png"]],
        (0, 0),
    )
    assert not caplog.messages


def test_the_suffix_may_differ_where_the_stem_is_unique(matched):
    assert matched("r/1.png", "r/k/1.png", "d/1.jpg", "d/k/1.WebP") == (
        [["r/1.png", "d/1.jpg"], ["r/k/1.png", "d/k/1.WebP"]],
        (0, 0),
    )


def test_a_stem_of_several_images_matches_none_of_them(matched):
    rows, counts = matched(
        *("r/1.png", "d/1.jpg", "d/1.webp"),
        *("r/2.png", "r/2.bmp", "d/2.png", "d/2.jpg"),
    )
    assert rows == [
        ["", "d/1.jpg"],
        ["r/1.png", ""],
        ["", "d/1.webp"],
        ["r/2.bmp", ""],
        ["", "d/2.jpg"],
        ["r/2.png", "d/2.png"],
    ]
    assert counts == (2, 3)


def test_images_without_a_partner_stay_and_are_named(matched, caplog):
    rows, counts = matched(
        *(f"r/{n}.png" for n in range(6)), "d/1.png", "d/x.png"
    )
    assert rows[:3] == [
        ["r/0.png", ""],
        ["r/1.png", "d/1.png"],
        ["r/2.png", ""],
    ]
    assert rows[6:] == [["", "d/x.png"]]
    assert counts == (5, 1)
    references, distorted = caplog.messages
    assert "5 of 6 reference images have no partner" in references
    assert "r/0.png" in references and references.endswith("r/3.png, ...")
    assert "1 of 2 distorted images have no partner" in distorted
    assert distorted.endswith("d/x.png")


def test_no_pair_at_all_is_an_error(matched):
    with pytest.raises(UserError, match="no image name in common"):
        matched("r/1.png", "d/2.png")


def test_images_are_found_by_suffix_or_content_and_others_named(
    tmp_path, caplog
):
    """A hidden file is no image; a pipe is not opened."""
    names = ["a.PNG", "b.gif", "c.pgm", "d.jfif", "damaged.tif"]
    for name in (*names, "notes.txt", "list", ".c.png", ".thumbs/d.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"no image")
    (tmp_path / "named").write_bytes(b"P5 1 1 255 \0")
    os.mkfifo(tmp_path / "pipe")
    found, skipped = find_images(f"{tmp_path}/**")
    assert [file.path for file in found] == [
        f"{tmp_path}/{name}" for name in sorted([*names, "named"])
    ]
    assert skipped == [f"{tmp_path}/{x}" for x in ("list", "notes.txt", "pipe")]
    (message,) = caplog.messages
    assert message.startswith("3 files of ") and "notes.txt" in message
    with pytest.raises(UserError, match="matches no image, but .*notes.txt"):
        find_images(f"{tmp_path}/*.txt")


@pytest.mark.parametrize("folder", ["[2024]", "a*", "really?"])
def test_a_folder_whose_name_holds_wildcards_can_be_named(
    folder, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    for place in (folder, "2", "ab", "reallyx"):
        (tmp_path / place).mkdir()
        (tmp_path / place / "[1].png").touch()
    for below in (tmp_path, "."):
        for name in ("*.png", "[1].png", "**"):
            found, _ = find_images(f"{below}/{folder}/{name}")
            assert [x.path for x in found] == [f"{below}/{folder}/[1].png"]
    found, _ = find_images(f"{folder}/*.png")
    assert [x.path for x in found] == [f"./{folder}/[1].png"]


def test_patterns_in_folders_with_brackets_match(matched):
    rows, counts = matched(
        *("r[1]/1.png", "r1/2.png", "d/1.jpg"), patterns=("r[1]/*", "d/*")
    )
    assert (rows, counts) == ([["r[1]/1.png", "d/1.jpg"]], (0, 0))
