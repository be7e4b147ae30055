"""The program `python -m pipelines.distortions`."""

import numpy as np
from PIL import Image

from pipelines.distortions.__main__ import main
from pipelines.distortions.sheet import HEADER_HEIGHT, STRENGTHS
from pipelines.distortions.traditional import SINGLE


def test_the_sheet_shows_every_type_at_five_strengths(tmp_path):
    path = tmp_path / "sheet.png"
    flags = ["--families", "traditional", "--size", "32"]
    assert main(["--sheet", str(path), *flags]) == 0
    with Image.open(path) as sheet:
        width, height = sheet.size
        rows = np.asarray(sheet)
    assert height == HEADER_HEIGHT + len(SINGLE) * 34
    assert width > 2 * len(STRENGTHS) * 34
    assert (rows < 255).any(axis=(1, 2)).mean() > 0.9


def test_unknown_families_and_photographs_are_named(tmp_path, capsys):
    def said(*flags, sheet="sheet.png"):
        assert main(["--sheet", str(tmp_path / sheet), *flags]) == 1
        assert not (tmp_path / sheet).exists()
        error = capsys.readouterr().err
        assert len(error.splitlines()) == 1
        return error

    bad = tmp_path / "bad.jpg"
    bad.write_bytes(b"no image")
    assert "must be among" in said("--families", "medical")
    assert "cnn needs --bank" in said("--families", "cnn")
    assert "bad.jpg is no image" in said("--photos", str(bad))
    assert "Received: .txt" in said(sheet="sheet.txt")


def test_the_sheet_shows_the_networks_of_a_bank(tmp_path, small_bank):
    plain, more = tmp_path / "plain.png", tmp_path / "more.png"
    flags = ["--families", "algorithms", "--size", "32"]
    assert main(["--sheet", str(plain), *flags]) == 0
    flags = ["--families", "algorithms", "cnn", "--size", "32"]
    assert main(["--sheet", str(more), *flags, "--bank", str(small_bank)]) == 0
    heights = []
    for path in (plain, more):
        with Image.open(path) as sheet:
            heights.append(sheet.size[1])
    # Two of "cnn", one of super-resolution.
    assert heights[1] - heights[0] == 3 * 34
