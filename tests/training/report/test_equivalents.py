"""The tables of known distortions."""

import json

import numpy as np
import pytest
import skimage.data
from PIL import Image

from keras_lpips import distance
from training.equivalents import main
from training.report import equivalents
from training.report.equivalents import (
    LEVELS,
    SIZE,
    distort,
    load_square,
    monotone_quantiles,
    shifted,
)


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("photos")
    for name in ("astronaut", "coffee", "chelsea"):
        pixels = getattr(skimage.data, name)()
        Image.fromarray(pixels).save(folder / f"{name}.png")
    return folder


def test_distortions_are_those_that_are_named(photos):
    square = load_square(photos / "coffee.png")
    assert square.shape == (288, 288, 3)
    reference = shifted(square, 0)
    copies = {
        kind: distort(square, kind, levels, np.random.default_rng(0))
        for kind, levels in LEVELS.items()
    }
    assert {copy.shape for copy in copies.values()} == {(10, SIZE, SIZE, 3)}
    errors = {
        kind: np.abs(copy - np.float64(reference)).mean(axis=(1, 2, 3))
        for kind, copy in copies.items()
    }
    for found in errors.values():
        assert (np.diff(found) > 0).all()
    assert errors["jpeg"][0] < 2
    np.testing.assert_array_equal(copies["shift"][2][:, :-3], reference[:, 3:])
    moved = copies["noise"][3] - np.float64(reference)
    inside = (reference > 60) & (reference < 190)
    assert np.std(moved[inside]) == pytest.approx(LEVELS["noise"][3], rel=0.05)


def test_quantiles_of_isotonic_curves():
    curves = [[1, 3, 2, 4], [0, 0, 0, 0], [5, 6, 7, 8]]
    low, median, high = monotone_quantiles(curves)
    assert median == [1, 2.5, 2.5, 4]
    assert low == [0.5, 1.25, 1.25, 2]
    assert high == [3, 4.25, 4.75, 6]


def test_the_program_writes_tables_and_continues(
    photos, backbone, tmp_path, monkeypatch, capsys
):
    backbone("alex")
    monkeypatch.setattr(
        equivalents, "LEVELS", {"jpeg": (50, 5), "shift": (2, 20)}
    )
    output = tmp_path / "tables.json"
    argv = ["--photos", str(photos), "--output", str(output), "--metrics"]
    assert main([*argv, "lpips/alex@0.1"]) == 0
    content = json.loads(output.read_text())
    table = content["metrics"]["lpips/alex@0.1"]
    assert (table["net"], table["version"]) == ("alex", "0.1")
    assert len(table["backbone_digest"]) == len(table["heads_digest"]) == 64
    assert sorted(content["photographs"]) == [
        *("astronaut.png", "chelsea.png", "coffee.png")
    ]
    found = []
    for path in sorted(photos.iterdir()):
        square = load_square(path)
        found.append(distance(shifted(square, 0), shifted(square, 20)))
    median = table["distances"]["shift"][1][1]
    assert median == pytest.approx(np.median(found), rel=1e-4)
    # What is there stays; what is missing is added.
    table["net"] = "kept"
    output.write_text(json.dumps(content))
    assert main([*argv, "lpips/alex@0.1", "lpips/alex@0.0"]) == 0
    metrics = json.loads(output.read_text())["metrics"]
    assert metrics["lpips/alex@0.1"]["net"] == "kept"
    assert list(metrics) == ["lpips/alex@0.1", "lpips/alex@0.0"]
    monkeypatch.setattr(equivalents, "SEED", 1)
    assert main([*argv, "lpips/alex@0.1"]) == 1
    assert "other photographs or settings" in capsys.readouterr().err


def test_what_has_no_table_is_rejected(photos, tmp_path, capsys):
    output = tmp_path / "tables.json"
    argv = ["--output", str(output), "--photos"]
    assert main([*argv, str(photos), "--metrics", "lpips/alex"]) == 1
    assert "must be lpips/NET@VERSION or dists" in capsys.readouterr().err
    small = tmp_path / "small"
    small.mkdir()
    Image.new("RGB", (300, 200)).save(small / "a.png")
    assert main([*argv, str(small)]) == 1
    assert "at least 288 pixels" in capsys.readouterr().err
    assert not output.exists()
