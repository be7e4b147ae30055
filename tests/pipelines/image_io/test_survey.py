"""Photographs: found, read, rejected with a reason."""

import hashlib
import io
import os

import numpy as np
import pytest
from PIL import Image

from keras_lpips_cli.errors import UserError
from pipelines.image_io.photographs import (
    InvalidPhotographError,
    read_photograph,
)
from pipelines.image_io.survey import find_photographs, survey


def file_of(image, mode="RGB", kind="PNG"):
    file = io.BytesIO()
    Image.fromarray(image).convert(mode).save(file, kind)
    return file.getvalue()


def webp_of(image):
    file = io.BytesIO()
    Image.fromarray(image).save(file, "WEBP", lossless=True)
    return file.getvalue()


def names(found):
    return {photograph.name for photograph in found.usable}


def test_any_kind_of_color_photograph_becomes_rgb(patches):
    for mode, kind in [("RGB", "PNG"), ("RGBA", "PNG"), ("CMYK", "JPEG")]:
        pixels = read_photograph(file_of(patches[0], mode, kind))
        assert pixels.dtype == np.uint8
        assert pixels.shape == (64, 64, 3)
    exact = read_photograph(file_of(patches[0]))
    np.testing.assert_array_equal(exact, patches[0])


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda x: file_of(x, "L"), "is gray"),
        (lambda x: file_of(np.repeat(x[..., :1], 3, -1)), "is gray"),
        (lambda x: file_of(x[:20]), "is 64 x 20, smaller than 64 pixels"),
        (lambda x: file_of(x)[:900], "cannot be read: image file is trunc"),
        (lambda x: b"", "is not an image that can be read"),
        (lambda x: b"%!PS-Adobe-3.0 EPSF-3.0\n", "is not an image that can"),
    ],
    ids=["L", "equal channels", "tiny", "cut", "empty", "PostScript"],
)
def test_what_cannot_be_used_is_rejected_with_a_reason(make, reason, patches):
    with pytest.raises(InvalidPhotographError, match=reason):
        read_photograph(make(patches[0]), min_side=64)


def test_a_survey_names_the_rejected_and_uses_equal_pixels_once(
    tmp_path, patches
):
    photos = tmp_path / "photos"
    (photos / "below").mkdir(parents=True)
    (photos / "a.png").write_bytes(file_of(patches[0]))
    (photos / "below" / "b.png").write_bytes(file_of(patches[1]))
    (photos / "copy.png").write_bytes(file_of(patches[0]))
    (photos / "gray.png").write_bytes(file_of(patches[0], "L"))
    (photos / "cut.jpg").write_bytes(b"\xff\xd8\xff")
    (photos / ".hidden").write_bytes(b"")
    os.mkfifo(photos / "pipe.png")
    work = tmp_path / "work"
    work.mkdir()
    found = survey(find_photographs(str(photos)), 64, _epath(work))
    assert names(found) == {"a.png", "below/b.png"}
    digests = [photograph.digest for photograph in found.usable]
    assert digests == sorted(digests)
    assert set(found.rejected) == {
        *("copy.png", "gray.png", "cut.jpg", "pipe.png")
    }
    assert "is not a regular file" in found.rejected["pipe.png"]
    assert found.rejected["copy.png"] == "shows the same pixels as a.png"
    assert not list(work.iterdir())


def test_of_equal_pixels_in_two_formats_the_same_file_is_used_by_any_name(
    tmp_path, patches
):
    files = [file_of(patches[0]), webp_of(patches[0])]
    least = min(files, key=lambda x: hashlib.sha256(x).hexdigest())
    for order in (files, files[::-1]):
        photos, work = tmp_path / "photos", tmp_path / "work"
        for folder in (photos, work):
            folder.mkdir(exist_ok=True)
        for name, data in zip("ab", order, strict=True):
            (photos / name).write_bytes(data)
        found = survey(find_photographs(str(photos)), 64, _epath(work))
        kept, refused = "ab" if order[0] == least else "ba"
        assert names(found) == {kept}
        assert found.rejected == {refused: f"shows the same pixels as {kept}"}


def test_a_pattern_finds_what_it_matches_only(tmp_path, patches):
    for name in ("x/a.png", "y/a.png", "y/b.txt"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"")
    found = find_photographs(f"{tmp_path}/*/*.png")
    assert [name for name, _ in found] == ["x/a.png", "y/a.png"]
    with pytest.raises(UserError, match="there are no files"):
        find_photographs(f"{tmp_path}/*.gif")


@pytest.mark.parametrize("pattern", ["", "/*.png", "/[a].png"])
def test_a_folder_whose_name_holds_brackets_can_be_named(tmp_path, pattern):
    for folder in ("x[1]", "x1"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "[a].png").touch()
    found = find_photographs(f"{tmp_path}/x[1]{pattern}")
    assert found == [("[a].png", f"{tmp_path}/x[1]/[a].png")]


def _epath(path):
    from etils import epath

    return epath.Path(path)
