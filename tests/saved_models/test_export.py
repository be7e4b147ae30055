"""What is in an export, and the program that writes it."""

import math
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from keras_lpips import LPIPS
from keras_lpips.inference.provenance import describe
from keras_lpips.inference.saved_model import list_versions
from saved_models import export as program
from saved_models.store.model_card import digests, read_card
from saved_models.store.versions import write_version
from tests.saved_models.conftest import RESIZE

ROOT = Path(__file__).parents[2]
# Weights of the backbone and of the heads.
PARAMETERS = {
    "alex": 2_469_696 + 1_152,
    "vgg": 14_714_688 + 1_472,
    "squeeze": 722_496 + 2_240,
}


@pytest.mark.parametrize("net", PARAMETERS)
def test_every_variable_is_held_once(net, exported):
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
def test_the_card_says_what_was_exported(net, exported):
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
    published = digests(lpips)
    lpips.heads[0].kernel.assign(lpips.heads[0].kernel * 2)
    changed = digests(lpips)
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


def test_a_layer_of_another_range_is_refused(tmp_path):
    lpips = LPIPS(
        backbone_weights="random", value_range=(0, 1), dtype="float32"
    )
    with pytest.raises(ValueError, match="must take images in"):
        program.export(lpips, tmp_path)
    assert not list(tmp_path.iterdir())


def test_the_program_refuses_a_version_that_is_there(resized, backbone, capsys):
    assert list_versions(resized) == [1]
    assert read_card(resized / "1")["encoded_resize"] == list(RESIZE)
    arguments = ["--net", backbone("alex"), "--output", str(resized)]
    assert program.main([*arguments, "--version", "1"]) == 1
    assert "never overwritten" in capsys.readouterr().err


def test_the_program_says_which_version_was_there(
    tmp_path, capsys, monkeypatch
):
    def export(settings):
        return write_version(settings.output, settings.version, write)

    def write(folder):
        (folder / "saved_model.pb").touch()

    monkeypatch.setattr(program, "export_as_asked", export)
    said = []
    for more in ([], [], ["--version", "7"], ["--version", "4"]):
        assert program.main(["--output", str(tmp_path), *more]) == 0
        said.append(capsys.readouterr())
    folders = [Path(out.strip()).name for out, _ in said]
    assert folders == ["1", "2", "7", "4"]
    held = f"export: {tmp_path} held version"
    assert [err for _, err in said] == [
        "",
        f"{held} 1; 2 is written beside it, and servers take 2\n",
        f"{held} 2; 7 is written beside it, and servers take 7\n",
        f"{held} 7; 4 is written beside it, and servers take 7\n",
    ]


def test_the_program_leaves_signals_as_they_were(tmp_path, capsys):
    before = signal.getsignal(signal.SIGTERM)
    arguments = ["--output", str(tmp_path), "--resize", "no size"]
    assert program.main(arguments) == 1
    assert signal.getsignal(signal.SIGTERM) is before


@pytest.mark.parametrize("size", ["64", "0x64", "64x64x3"])
def test_a_size_that_is_none_is_refused(size, tmp_path, capsys):
    arguments = ["--output", str(tmp_path), "--resize", size]
    assert program.main(arguments) == 1
    assert "HEIGHTxWIDTH" in capsys.readouterr().err


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL])
def test_an_export_that_is_stopped_leaves_no_version(end, backbone, tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-m", "saved_models.export"]
        + ["--net", backbone("alex"), "--output", tmp_path],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
    )
    while not list(tmp_path.glob("*/*")):
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(end)
    assert process.wait() != 0
    assert list_versions(tmp_path) == []
    if end == signal.SIGTERM:
        assert not list(tmp_path.iterdir())
