import csv
import json

import pytest

from training.evaluate import main


@pytest.fixture(scope="module")
def report(bapps_sample, tmp_path_factory, trunk):
    folder = tmp_path_factory.mktemp("evaluation") / "report"
    status = main(
        ["--data-dir", str(bapps_sample), "--output", str(folder)]
        + ["--metrics", f"lpips/{trunk('alex')}", "l2", "--worst", "1"]
    )
    assert status == 0
    return folder


def rows(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def test_distances_of_real_triplets_are_the_published_ones(report, shared_data):
    manifest = json.loads(
        (shared_data / "bapps_sample" / "manifest.json").read_text()
    )
    ours = {
        (row["subset"], row["id"]): (float(row["d0"]), float(row["d1"]))
        for row in rows(report / "triplets.csv")
        if row["metric"] == "lpips/alex"
    }
    assert len(ours) == 74
    compared = 0
    for triplet in manifest:
        key = triplet.get("split"), triplet.get("name")
        published = triplet.get("official")
        if not published or key not in ours:
            continue
        compared += 1
        for i in range(2):
            expected = published[f"alex_lin_v0.1_d{i}"]
            # Printed with three decimals.
            assert ours[key][i] == pytest.approx(expected, abs=6e-4)
    assert compared == 74


def test_the_report_has_every_part(report):
    text = (report / "report.md").read_text()
    for part in ("| human |", "| lpips/alex |", "(73.9)", "## Shift"):
        assert part in text
    for name in ("two_afc.png", "differences.csv", "shift.csv"):
        assert (report / name).stat().st_size
    page = (report / "disagreements.html").read_text()
    assert page.count("<img") == 2 * 5


def test_the_mean_of_the_triplets_is_the_score(report):
    scores = [
        float(row["score"])
        for row in rows(report / "triplets.csv")
        if (row["subset"], row["metric"]) == ("deblur", "l2")
    ]
    (score,) = (
        float(row["percent"])
        for row in rows(report / "two_afc.csv")
        if (row["row"], row["column"]) == ("l2", "deblur")
    )
    assert score == pytest.approx(100 * sum(scores) / len(scores), abs=1e-4)


def test_a_dataset_that_is_not_there_is_one_sentence(tmp_path, capsys):
    status = main(["--data-dir", str(tmp_path), "--output", str(tmp_path)])
    assert status == 1
    assert "holds no bapps/twoafc_64" in capsys.readouterr().err
