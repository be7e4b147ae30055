"""The program `python -m pipelines.contact_sheet`."""

import numpy as np
from PIL import Image

from pipelines.contact_sheet import HEADER_HEIGHT, STRENGTHS, main
from pipelines.distortions.registry import TYPES


def test_the_sheet_shows_every_type_at_five_strengths(tmp_path):
    path = tmp_path / "sheet.png"
    flags = ["--families", "traditional", "--size", "32"]
    assert main(["--sheet", str(path), *flags]) == 0
    with Image.open(path) as sheet:
        width, height = sheet.size
        rows = np.asarray(sheet)
    assert height == HEADER_HEIGHT + len(TYPES) * 34
    assert width > 2 * len(STRENGTHS) * 34
    assert (rows < 255).any(axis=(1, 2)).mean() > 0.9


def test_errors_name_what_cannot_be_used(tmp_path, capsys):
    def read_error(*flags, sheet="sheet.png"):
        try:
            status = main(["--sheet", str(tmp_path / sheet), *flags])
        except SystemExit as error:
            status = error.code
        assert status in (1, 2)
        assert not (tmp_path / sheet).exists()
        return " ".join(capsys.readouterr().err.split())

    bad = tmp_path / "bad.jpg"
    bad.write_bytes(b"no image")
    assert "invalid choice 'medical'" in read_error("--families", "medical")
    assert "cnn needs --bank" in read_error("--families", "cnn")
    assert "bad.jpg is not an image" in read_error("--photos", str(bad))
    assert "Received: .txt" in read_error(sheet="sheet.txt")


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
