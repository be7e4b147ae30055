"""The demo's table of distances where a backbone is missing."""

import json

import pytest

from examples.demo import distances
from examples.demo.photographs import CENTERS
from keras_lpips import LPIPS, WeightsError


def only_alex(net, **options):
    if net != "alex":
        raise WeightsError(f"no {net}.\nImport it: <b>")
    return LPIPS(net, **options)


def test_nets_that_cannot_be_downloaded_are_skipped(
    backbone, tmp_path, monkeypatch, capsys
):
    backbone("alex")
    monkeypatch.setattr(distances, "LPIPS", only_alex)
    distances.main([str(tmp_path)])
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == [
        "Skipped: no vgg. Import it: <b>",
        "Skipped: no squeeze. Import it: <b>",
    ]
    assert "LPIPS squeeze" not in lines[2]
    found = json.loads((tmp_path / "distances.json").read_text())
    assert [row["photograph"] for row in found["rows"][::2]] == list(CENTERS)
    for blurred, bent in zip(
        found["rows"][::2], found["rows"][1::2], strict=True
    ):
        assert blurred["closer"] == ["L2", "PSNR", "SSIM"]
        assert bent["closer"] == ["LPIPS alex"]


def test_without_any_net_the_step_fails(tmp_path, monkeypatch):
    def none(net, **options):
        raise WeightsError(net)

    monkeypatch.setattr(distances, "LPIPS", none)
    with pytest.raises(SystemExit, match="No backbone"):
        distances.main([str(tmp_path)])
