"""`keras-lpips pair --saved-model`: an export, used locally."""

import json

import pytest

from keras_lpips_cli.main import main


@pytest.fixture
def files(shared_data):
    folder = shared_data / "examples"
    return [str(folder / name) for name in ("ex_ref.png", "ex_p1.png")]


def test_an_export_prints_what_its_net_does(exported, files, capsys):
    assert main(["pair", *files, "--net", "squeeze", "--json"]) == 0
    ours = json.loads(capsys.readouterr().out)
    model = exported("squeeze")
    assert main(["pair", *files, "--saved-model", str(model), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["saved_model"] == str(model / "1")
    assert found["distance"] == pytest.approx(ours["distance"], abs=1e-6)
    assert found["per_layer"] == pytest.approx(ours["per_layer"], abs=1e-6)
    for name in ("net", "version", "backbone_digest", "heads_digest"):
        assert found[name] == ours[name]


def test_the_folder_of_a_version_does_too(exported, files, tmp_path, capsys):
    version = str(exported("alex") / "1")
    picture = tmp_path / "map.png"
    options = ["--saved-model", version, "--map", str(picture)]
    assert main(["pair", *files, *options]) == 0
    assert capsys.readouterr().out == "0.137566\n"
    assert picture.stat().st_size > 1000


def test_a_folder_without_an_export_is_refused(files, tmp_path, capsys):
    (tmp_path / ".incomplete-1").mkdir()
    options = ["--saved-model", str(tmp_path)]
    assert main(["pair", *files, *options]) == 1
    assert "holds no version of a model" in capsys.readouterr().err
    (tmp_path / "1").mkdir()
    assert main(["pair", *files, *options]) == 1
    assert "has no card" in capsys.readouterr().err


def test_what_the_graph_refuses_is_one_sentence(exported, files, capsys):
    options = ["--saved-model", str(exported("alex")), "--resize", "8x8"]
    assert main(["pair", *files, *options]) == 1
    error = capsys.readouterr().err
    assert error.startswith(f"keras-lpips: {files[0]}: The export refused: ")
    assert "at least 31 pixels" in error
    # One line of ours; TensorFlow's own log has lines of its own.
    assert error.count("keras-lpips:") == 1
    assert error.splitlines()[-1].endswith("the smallest height and width is 8")
