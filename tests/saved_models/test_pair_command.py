"""`keras-lpips pair --saved-model`: an export, used locally."""

import json

import pytest

from keras_lpips_cli.main import main
from tests.support.golden_values import golden


@pytest.fixture
def files(example_paths):
    return [str(path) for path in example_paths]


def test_an_export_computes_the_distance_of_its_net(exported, files, capsys):
    assert main(["pair", *files, "--net", "alex", "--json"]) == 0
    ours = json.loads(capsys.readouterr().out)
    model = exported("alex")
    assert main(["pair", *files, "--saved-model", str(model), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["saved_model"] == str(model / "1")
    assert found["distance"] == pytest.approx(ours["distance"], abs=1e-6)
    assert found["per_layer"] == pytest.approx(ours["per_layer"], abs=1e-6)
    for name in ("net", "version", "backbone_digest", "heads_digest"):
        assert found[name] == ours[name]


def test_the_folder_of_a_version_is_an_export_too(
    exported, files, tmp_path, capsys
):
    version = str(exported("alex") / "1")
    picture = tmp_path / "map.png"
    options = ["--saved-model", version, "--map", str(picture)]
    assert main(["pair", *files, *options]) == 0
    expected = golden("alex")["distances"][0]
    assert float(capsys.readouterr().out) == pytest.approx(expected, abs=2e-6)
    assert picture.stat().st_size > 1000


def test_a_folder_without_an_export_is_an_error(files, tmp_path, capsys):
    (tmp_path / ".incomplete-1").mkdir()
    options = ["--saved-model", str(tmp_path)]
    assert main(["pair", *files, *options]) == 1
    assert "holds no version of a model" in capsys.readouterr().err
    (tmp_path / "1").mkdir()
    assert main(["pair", *files, *options]) == 1
    assert "card.json: it was not written by" in capsys.readouterr().err


def test_an_error_in_the_graph_is_one_sentence(exported, files, capsys):
    options = ["--saved-model", str(exported("alex")), "--resize", "8x8"]
    assert main(["pair", *files, *options]) == 1
    error = capsys.readouterr().err
    assert error.startswith(f"keras-lpips: {files[0]}: ")
    assert "at least 31 pixels" in error
    # TensorFlow's own log may follow.
    assert error.count("keras-lpips:") == 1
    assert error.splitlines()[-1].endswith("the smallest height and width is 8")


@pytest.mark.parametrize("content", [b"", b"[1]", b'{"taps": 1}', b"\xff\xfe"])
def test_a_damaged_model_card_is_one_sentence(content, files, tmp_path, capsys):
    card = tmp_path / "1" / "assets.extra" / "card.json"
    card.parent.mkdir(parents=True)
    card.write_bytes(content)
    assert main(["pair", *files, "--saved-model", str(tmp_path)]) == 1
    (error,) = capsys.readouterr().err.splitlines()
    assert f"{card} is damaged: it is not the model card" in error
