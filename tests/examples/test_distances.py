"""The first table, where a backbone cannot be had."""

import json

import pytest

from examples import distances
from examples.photographs import CENTRES
from examples.sections.distances import distances as section
from keras_lpips import WeightsError
from keras_lpips.inference.scorer import scorer


def only_alex(net):
    if net != "alex":
        raise WeightsError(f"no {net}.\nImport it: <b>")
    return scorer(net)


def test_nets_that_cannot_be_fetched_are_left_out(
    backbone, tmp_path, monkeypatch, capsys
):
    backbone("alex")
    monkeypatch.setattr(distances, "scorer", only_alex)
    distances.main(["--output", str(tmp_path / "distances")])
    said = capsys.readouterr().out.splitlines()
    assert said[:2] == [
        "Left out: no vgg. Import it: <b>",
        "Left out: no squeeze. Import it: <b>",
    ]
    assert "LPIPS squeeze" not in said[2]
    about = json.loads((tmp_path / "distances/distances.json").read_text())
    assert set(about["nets"]) == {"alex"}
    for name in CENTRES:
        assert about["closer"][name] == {
            "blurred": ["L2", "PSNR", "SSIM"],
            "bent": ["LPIPS alex"],
        }
    assert "Left out: no vgg. Import it: &lt;b&gt;" in "".join(
        section(tmp_path)
    )


def test_without_any_net_there_is_nothing_to_show(tmp_path, monkeypatch):
    def none(net):
        raise WeightsError(net)

    monkeypatch.setattr(distances, "scorer", none)
    with pytest.raises(SystemExit, match="nothing to show"):
        distances.main(["--output", str(tmp_path)])
