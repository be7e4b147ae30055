"""A synthetic set whose triplets nobody and nothing judged."""

import pytest
import skimage.data
from PIL import Image

from pipelines import synthesize
from training import evaluate, train


@pytest.fixture(scope="module")
def unjudged(tmp_path_factory):
    """The folder of 40 triplets made with `--judge none`, the default."""
    photos = tmp_path_factory.mktemp("photos")
    for name in ("astronaut", "coffee", "chelsea", "rocket"):
        Image.fromarray(getattr(skimage.data, name)()).save(
            photos / f"{name}.png"
        )
    data = tmp_path_factory.mktemp("made") / "data"
    arguments = ["--photos", photos, "--triplets", 40, "--output", data]
    assert synthesize.main(list(map(str, arguments))) == 0
    return data


def test_training_refuses_it_before_the_first_step(
    unjudged, tmp_path, capsys, trunk
):
    trunk("alex")
    output = tmp_path / "run"
    flags = ["--recipe", "alex/lin-fast", "--data-dir", str(unjudged)]
    assert train.main([*flags, "--output", str(output)]) == 1
    assert "without judgements" in capsys.readouterr().err.splitlines()[-1]
    assert not output.exists()


def test_evaluation_refuses_it(unjudged, tmp_path, capsys):
    output = tmp_path / "report"
    flags = ["--data-dir", str(unjudged), "--metrics", "l2"]
    assert evaluate.main([*flags, "--output", str(output)]) == 1
    assert "without judgements" in capsys.readouterr().err.splitlines()[-1]
    assert not (output / "report.md").exists()
