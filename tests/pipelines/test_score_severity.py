"""Scores by type on the order of severity."""

import numpy as np
import pytest
from PIL import Image
from skimage import data

from pipelines import score_severity
from pipelines.synthesize import main as synthesize


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("photos")
    Image.fromarray(data.astronaut()).save(folder / "astronaut.png")
    return folder


def made(photos, output, *flags):
    argv = ["--photos", str(photos), "--triplets", "80"]
    assert synthesize([*argv, "--output", str(output), *flags]) == 0
    return str(output)


def test_agreement_counts_as_2afc_does():
    d0 = np.array([1.0, 2.0, 1.0, 3.0])
    d1 = np.array([2.0, 1.0, 1.0, 1.0])
    judge = np.array([0.0, 1.0, 1.0, 0.2])
    np.testing.assert_allclose(
        score_severity.agreement(d0, d1, judge), [1, 1, 0.5, 0.2]
    )


def test_types_are_scored_and_the_worst_comes_first(photos, tmp_path, capsys):
    flags = ["--judge", "severity", "--sequence-share", "0"]
    folder = made(photos, tmp_path / "data", *flags)
    capsys.readouterr()
    argv = ["--data", folder, "--metrics", "l2", "ssim"]
    assert score_severity.main(argv) == 0
    header, _, *rows = capsys.readouterr().out.splitlines()
    assert header == "| subset | type | triplets | l2 | ssim |"
    cells = [row.strip("| ").split(" | ") for row in rows]
    assert sum(int(row[2]) for row in cells) == 80
    worst = [min(map(float, row[3:])) for row in cells]
    assert worst == sorted(worst)
    noise = next(row for row in cells if row[1] == "gaussian_white_noise")
    assert float(noise[3]) == 100


def test_other_judges_and_metrics_are_refused(photos, tmp_path, capsys):
    folder = made(photos, tmp_path / "data")
    assert score_severity.main(["--data", folder]) == 1
    assert "was not made with --judge severity" in capsys.readouterr().err
    assert score_severity.main(["--data", folder, "--metrics", "lpips"]) == 1
    assert "--metrics must be among" in capsys.readouterr().err
    assert score_severity.main(["--data", str(tmp_path)]) == 1
    assert "has no manifest.json" in capsys.readouterr().err
