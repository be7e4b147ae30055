"""Synthetic sets without judgements, and with judgements not by people."""

import pytest
import skimage.data
from PIL import Image

from pipelines import synthesize
from training import evaluate, train


@pytest.fixture(scope="module")
def unjudged(tmp_path_factory):
    """The folder of 40 triplets made with `--judge none`, the default."""
    return synthesized(tmp_path_factory)


def synthesized(tmp_path_factory, *options):
    photos = tmp_path_factory.mktemp("photos")
    for name in ("astronaut", "coffee", "chelsea", "rocket"):
        Image.fromarray(getattr(skimage.data, name)()).save(
            photos / f"{name}.png"
        )
    data = tmp_path_factory.mktemp("made") / "data"
    arguments = ["--photos", photos, "--triplets", 40, "--output", data]
    arguments += options
    assert synthesize.main(list(map(str, arguments))) == 0
    return data


def test_training_rejects_it_before_the_first_step(
    unjudged, tmp_path, capsys, backbone
):
    backbone("alex")
    output = tmp_path / "run"
    flags = ["--recipe", "alex/lin-fast", "--data-dir", str(unjudged)]
    assert train.main([*flags, "--output", str(output)]) == 1
    assert "without judgements" in capsys.readouterr().err.splitlines()[-1]
    assert not output.exists()


def test_evaluation_rejects_it(unjudged, tmp_path, capsys):
    output = tmp_path / "report"
    flags = ["--data-dir", str(unjudged), "--metrics", "l2"]
    assert evaluate.main([*flags, "--output", str(output)]) == 1
    assert "without judgements" in capsys.readouterr().err.splitlines()[-1]
    assert not (output / "report.md").exists()


def test_a_report_does_not_call_an_order_of_severity_human(
    tmp_path_factory, tmp_path
):
    data = synthesized(tmp_path_factory, "--judge", "severity")
    flags = ["--data-dir", str(data), "--metrics", "l2"]
    assert evaluate.main([*flags, "--output", str(tmp_path / "report")]) == 0
    report = (tmp_path / "report" / "report.md").read_text()
    assert "judgements that people did not make" in report.splitlines()[0]
    assert "Not human" in report
