"""The contents of an export, and the program that writes it."""

import json
import math
import os
import signal
import time
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from keras_lpips import LPIPS
from keras_lpips.inference.provenance import describe
from keras_lpips.inference.saved_model import CARD_FILE, list_versions
from saved_models import export as program
from saved_models.store import exporter
from saved_models.store.model_card import weight_digests
from saved_models.store.versions import write_version

# Weights of the backbone and of the heads.
PARAMETERS = {
    "alex": 2_469_696 + 1_152,
    "vgg": 14_714_688 + 1_472,
    "squeeze": 722_496 + 2_240,
}


def read_card(version):
    return json.loads((version / CARD_FILE).read_text())


@pytest.mark.parametrize("net", PARAMETERS)
def test_every_variable_is_stored_once(net, exported):
    checkpoint = exported(net) / "1" / "variables" / "variables"
    shapes = tf.train.load_checkpoint(
        str(checkpoint)
    ).get_variable_to_shape_map()
    values = sum(
        math.prod(shape)
        for name, shape in shapes.items()
        if not name.startswith("_CHECKPOINTABLE")
    )
    assert values == PARAMETERS[net]
    size = sum(path.stat().st_size for path in checkpoint.parent.iterdir())
    assert size < 4 * PARAMETERS[net] * 1.01 + 10_000


@pytest.mark.parametrize("net", PARAMETERS)
def test_the_card_describes_the_export(net, exported):
    card = read_card(exported(net) / "1")
    known = describe(net, "0.1", True)
    assert {name: card[name] for name in known} == known
    assert card["value_range"]["float32"] == [-1.0, 1.0]
    assert card["parity"]["largest_difference"] < 1e-6
    assert set(card["signatures"]) == {
        "serving_default",
        "distance",
        "uint8",
        "encoded",
        "per_layer",
        "spatial",
        "embed",
    }


def test_changed_weights_have_another_digest(backbone):
    lpips = LPIPS(backbone("alex"), dtype="float32")
    published = weight_digests(lpips)
    lpips.heads[0].kernel.assign(lpips.heads[0].kernel * 2)
    changed = weight_digests(lpips)
    assert changed["backbone_digest"] == published["backbone_digest"]
    assert changed["heads_digest"] != published["heads_digest"]


@pytest.mark.parametrize("shape", [(1, 31, 31, 3), (3, 64, 64, 3)])
def test_batch_height_and_width_are_free(shape, loaded, exported, backbone):
    pair = np.random.default_rng(1).uniform(-1, 1, (2, *shape)).astype("f4")
    model = loaded(exported("alex"))
    found = model.signatures["distance"](reference=pair[0], distorted=pair[1])[
        "distance"
    ]
    np.testing.assert_allclose(found, LPIPS(backbone("alex"))(*pair), atol=1e-6)


def test_a_batch_of_several_chunks_equals_its_images_alone(loaded, exported):
    # 300 x 300 pixels: two images to a chunk, and one in the last.
    pair = np.random.default_rng(2).integers(
        0, 256, (2, 5, 300, 300, 3), np.uint8
    )
    model = loaded(exported("squeeze"))
    uint8 = model.signatures["uint8"]
    together = uint8(reference=pair[0], distorted=pair[1])["distance"]
    alone = [
        uint8(reference=a[None], distorted=b[None])["distance"][0]
        for a, b in zip(*pair, strict=True)
    ]
    np.testing.assert_allclose(together, alone, atol=1e-6)


def test_a_layer_of_another_range_is_an_error(tmp_path):
    lpips = LPIPS(
        backbone_weights="random", value_range=(0, 1), dtype="float32"
    )
    with pytest.raises(ValueError, match="must take images in"):
        exporter.export(lpips, tmp_path)
    assert not list(tmp_path.iterdir())


def test_an_existing_version_is_an_error(resized, resize, backbone, capsys):
    assert list_versions(resized) == [1]
    assert read_card(resized / "1")["encoded_resize"] == list(resize)
    arguments = ["--net", backbone("alex"), "--output", str(resized)]
    assert program.main([*arguments, "--model-version", "1"]) == 1
    assert "never overwritten" in capsys.readouterr().err


def test_the_program_reports_other_versions(tmp_path, capsys, monkeypatch):
    def export(config):
        return write_version(config.output, config.model_version, write)

    def write(folder):
        (folder / "saved_model.pb").touch()

    monkeypatch.setattr(exporter, "export_model", export)
    said = []
    for more in ([], [], ["--model-version", "7"], ["--model-version", "4"]):
        assert program.main(["--output", str(tmp_path), *more]) == 0
        said.append(capsys.readouterr())
    folders = [Path(out.strip()).name for out, _ in said]
    assert folders == ["1", "2", "7", "4"]
    others = f"saved_models.export: {tmp_path} has other versions, up to"
    assert [err for _, err in said] == [
        "",
        f"{others} 1; servers load 2\n",
        f"{others} 2; servers load 7\n",
        f"{others} 7; servers load 7\n",
    ]


def test_a_terminated_export_leaves_nothing(tmp_path, monkeypatch):
    def export(config):
        return write_version(config.output, config.model_version, write)

    def write(folder):
        (folder / "saved_model.pb").touch()
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(10)

    monkeypatch.setattr(exporter, "export_model", export)
    with pytest.raises(SystemExit) as exit:
        program.main(["--output", str(tmp_path)])
    assert exit.value.code == 128 + signal.SIGTERM
    assert not list(tmp_path.iterdir())
