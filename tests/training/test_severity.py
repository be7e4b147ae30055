"""Scores by type on the order of severity."""

import csv

import pytest
import skimage.data
from PIL import Image

from pipelines.synthesize import main as synthesize
from training import severity
from training.report.severity_table import SEQUENCE


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("photos")
    image = Image.fromarray(skimage.data.astronaut())
    image.save(folder / "astronaut.png")
    return folder


def made(photos, output, *flags):
    argv = ["--photos", str(photos), "--triplets", "80"]
    assert synthesize([*argv, "--output", str(output), *flags]) == 0
    return str(output)


def test_types_are_scored_and_the_worst_comes_first(photos, tmp_path, capsys):
    data = made(photos, tmp_path / "data", "--judge", "severity")
    capsys.readouterr()
    report = tmp_path / "report"
    argv = ["--data-dir", data, "--output", str(report)]
    assert severity.main([*argv, "--metrics", "l2", "psnr", "ssim"]) == 0
    text = capsys.readouterr().out
    assert text == (report / "severity.md").read_text()
    header, _, *lines = text.splitlines()
    assert header == "| subset | type | triplets | l2 | psnr | ssim |"
    cells = [line.strip("| ").split(" | ") for line in lines]
    assert sum(int(row[2]) for row in cells) == 80
    worst = [min(float(x.split()[0]) for x in row[3:]) for row in cells]
    assert worst == sorted(worst)
    kinds = [row[1] for row in cells]
    assert SEQUENCE in kinds
    assert not any("+" in kind for kind in kinds)
    noise = next(row for row in cells if row[1] == "uniform_white_noise")
    assert noise[3] == "100.0 [100.0, 100.0]"


def test_the_order_is_the_same_for_l2_and_psnr(photos, tmp_path, capsys):
    data = made(photos, tmp_path / "data", "--judge", "severity")
    argv = ["--data-dir", data, "--output", str(tmp_path / "report")]
    assert severity.main([*argv, "--metrics", "l2", "psnr"]) == 0
    with open(tmp_path / "report" / "severity.csv") as file:
        rows = list(csv.DictReader(file))
    by_metric = {
        metric: [row["percent"] for row in rows if row["metric"] == metric]
        for metric in ("l2", "psnr")
    }
    assert by_metric["l2"] == by_metric["psnr"]
    assert len(by_metric["l2"]) > 5
    for row in rows:
        assert float(row["low"]) <= float(row["percent"]) <= float(row["high"])


def test_other_judges_and_metrics_are_rejected(photos, tmp_path, capsys):
    data = made(photos, tmp_path / "data")
    argv = ["--output", str(tmp_path / "report"), "--data-dir"]
    assert severity.main([*argv, data]) == 1
    assert "with --judge severity" in capsys.readouterr().err
    assert severity.main([*argv, data, "--metrics", "beauty"]) == 1
    assert "A metric must be one of" in capsys.readouterr().err
    assert severity.main([*argv, str(tmp_path)]) == 1
    assert "holds no bapps" in capsys.readouterr().err
    assert not (tmp_path / "report").exists()
