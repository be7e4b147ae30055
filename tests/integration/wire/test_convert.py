"""ONNX and LiteRT, each checked by its own runtime."""

import numpy as np
import pytest

from keras_lpips import LPIPS
from saved_models import convert
from saved_models.store import conversion

RUNTIMES = {".onnx": "onnxruntime", ".tflite": "ai_edge_litert"}


@pytest.mark.parametrize("suffix", RUNTIMES)
@pytest.mark.parametrize("net", ["alex", "squeeze"])
def test_the_converted_net_gives_the_layers_distances(
    net, suffix, backbone, tmp_path, capsys
):
    pytest.importorskip(RUNTIMES[suffix])
    output = tmp_path / f"lpips{suffix}"
    arguments = ["--net", backbone(net), "--output", str(output)]
    assert convert.main(arguments) == 0
    assert "differs by at most" in capsys.readouterr().out
    run = {".onnx": conversion.load_onnx, ".tflite": conversion.load_litert}[
        suffix
    ](output)
    pair = np.random.default_rng(3).uniform(-1, 1, (2, 3, 40, 71, 3))
    pair = pair.astype(np.float32)
    np.testing.assert_allclose(run(*pair), LPIPS(net)(*pair), atol=2e-6)
    assert convert.main(arguments) == 1
    assert "exists" in capsys.readouterr().err


def test_another_suffix_is_rejected(tmp_path):
    lpips = LPIPS(backbone_weights="random")
    with pytest.raises(conversion.ConversionError, match="must end in one of"):
        conversion.convert(lpips, tmp_path / "lpips.pb")


def test_a_net_that_differs_is_not_written(tmp_path, monkeypatch):
    pytest.importorskip("onnxruntime")
    monkeypatch.setattr(conversion, "TOLERANCE", -1.0)
    lpips = LPIPS(backbone_weights="random", dtype="float32")
    with pytest.raises(conversion.ConversionError, match="was not written"):
        conversion.convert(lpips, tmp_path / "lpips.onnx")
    assert not list(tmp_path.iterdir())
