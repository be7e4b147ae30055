"""Every example runs, and is short."""

import csv
from pathlib import Path

import pytest

from examples import calibrate, score_folder, serve, train_with_loss

EXAMPLES = sorted(Path(score_folder.__file__).parent.glob("*.py"))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_an_example_has_at_most_60_lines(path):
    assert len(path.read_text().splitlines()) <= 60


def test_score_folder_writes_the_largest_distance_first(
    backbone, photo_folders, tmp_path, capsys
):
    backbone("alex")
    references, distorted = photo_folders
    (distorted / "broken.png").write_bytes(b"no image")
    (references / "broken.png").write_bytes(b"no image")
    output = tmp_path / "distances.csv"
    paths = map(str, (references, distorted, output))
    assert score_folder.main(list(paths)) == 0
    with open(output, newline="") as file:
        rows = list(csv.DictReader(file))
    distances = [float(row["distance"]) for row in rows]
    assert len(rows) == 5
    assert distances == sorted(distances, reverse=True)
    said = capsys.readouterr()
    assert said.out.startswith("5 pairs")
    assert "broken.png" in said.err


def test_train_with_loss_lowers_lpips_and_saves(backbone, tmp_path, capsys):
    backbone("alex")
    output = tmp_path / "deblur.keras"
    train_with_loss.main([str(output)], epochs=2, count=64)
    words = capsys.readouterr().out.splitlines()[-1].split()
    before, after = float(words[2].rstrip(",")), float(words[4])
    assert after < before
    assert output.stat().st_size < 200_000


@pytest.mark.slow
def test_calibrate_reports_its_run(backbone, tmp_path, capfd):
    backbone("alex")
    calibrate.main([str(tmp_path / "mine"), "--epochs", "1"])
    report = (tmp_path / "mine" / "report" / "report.md").read_text()
    assert "| l2 |" in report
    assert "| lpips/alex |" in report


@pytest.mark.slow
def test_serve_gives_the_distance_of_the_library(backbone, tmp_path, capfd):
    backbone("alex")
    serve.main([str(tmp_path)])
    said = capfd.readouterr().out.splitlines()[-1]
    assert said.startswith("distance of the blurred copy: 0.")
