import csv
import json

import numpy as np
import pytest
from PIL import Image

from keras_lpips.baselines import l2
from keras_lpips.metrics.jnd import jnd_average_precision
from pipelines import prepare_bapps
from tests.support.fake_judgements import write_jnd_tree, write_tree
from training.evaluate import main
from training.report import evaluation


@pytest.fixture(scope="module")
def report(bapps_sample, tmp_path_factory, backbone):
    folder = tmp_path_factory.mktemp("evaluation") / "report"
    status = main(
        ["--data-dir", str(bapps_sample), "--output", str(folder)]
        + ["--metrics", f"lpips/{backbone('alex')}", "l2", "--worst", "1"]
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


def test_jnd_pairs_are_scored_by_mean_average_precision(tmp_path):
    tree = write_tree(tmp_path / "tree", {"val/cnn": 4})
    write_jnd_tree(tree, {"val/cnn": 20, "val/traditional": 15})
    data = tmp_path / "data"
    flags = ["--source", str(tree), "--config", "twoafc_64", "jnd_64"]
    assert prepare_bapps.main([*flags, "--data-dir", str(data)]) == 0
    flags = ["--data-dir", str(data), "--metrics", "l2", "ssim", "psnr"]
    report = tmp_path / "report"
    assert main([*flags, "--output", str(report), "--skip-shift"]) == 0
    row, *_ = rows(report / "jnd.csv")
    expected = []
    for subset in ("cnn", "traditional"):
        folder = tree / "jnd" / "val" / subset
        pixels = [
            [np.asarray(Image.open(path)) for path in sorted(part.iterdir())]
            for part in (folder / "p0", folder / "p1")
        ]
        distances = [l2(*pair) for pair in zip(*pixels, strict=True)]
        same = [np.load(x)[0] for x in sorted(folder.glob("same/*"))]
        expected.append(100 * jnd_average_precision(distances, same))
        assert float(row[subset]) == pytest.approx(expected[-1], abs=1e-4)
    assert float(row["mAP"]) == pytest.approx(np.mean(expected), abs=1e-4)
    assert "## JND" in (report / "report.md").read_text()


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ([], "holds no bapps/twoafc_64"),
        (["--metrics", "beauty"], "A metric must be one of"),
    ],
)
def test_a_fault_is_one_sentence_and_leaves_nothing(
    flags, said, tmp_path, capsys
):
    report = tmp_path / "reports" / "mine"
    data = ["--data-dir", str(tmp_path), "--output", str(report)]
    assert main([*data, "--metrics", "l2", *flags]) == 1
    told = capsys.readouterr().err
    assert told.startswith("training.evaluate: ") and said in told
    assert not list(tmp_path.iterdir())


def test_ctrl_c_is_one_sentence_and_leaves_nothing(
    tmp_path, capsys, monkeypatch
):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(evaluation, "open_prepared", interrupt)
    report = tmp_path / "report"
    flags = ["--data-dir", str(tmp_path), "--output", str(report)]
    assert main([*flags, "--metrics", "l2"]) == 130
    said = "training.evaluate: interrupted; the report is not written\n"
    assert capsys.readouterr().err == said
    assert not report.exists()
