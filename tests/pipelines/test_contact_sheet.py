"""The program `python -m pipelines.distortions`."""

import numpy as np
import pytest
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
    with pytest.raises(SystemExit):
        main(["--sheet", "x.png", "--families", "medical"])
    assert "must be among" in capsys.readouterr().err
    bad = tmp_path / "bad.jpg"
    bad.write_bytes(b"no image")
    assert main(["--sheet", "x.png", "--photos", str(bad)]) == 1
    assert "bad.jpg: is no image" in capsys.readouterr().err
