"""What must work with every version and backend: `make matrix` runs this."""

import json
import subprocess
import sys

import keras
import numpy as np
import pytest

from keras_lpips import (
    LPIPS,
    ImageError,
    LPIPSLoss,
    LPIPSMetric,
    distance,
    explain,
)
from tests.support.golden_values import NETS, PAIRS, golden, within
from tests.support.images import draw_pair, random_images
from tests.support.paths import TEST_DATA

BACKENDS = {"tensorflow", "jax", "torch"}


def test_importing_loads_no_other_backend():
    code = (
        "import sys, keras; before = set(sys.modules); import keras_lpips; "
        "print(*set(sys.modules) - before)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    added = set(done.stdout.split())
    assert "keras_lpips" in added
    assert not BACKENDS & added


@pytest.mark.parametrize("net", NETS)
def test_distances_are_the_references(net, backbone):
    found = [distance(*draw_pair(*pair), net=backbone(net)) for pair in PAIRS]
    assert within(found, golden(net)["distances"])


def test_dists_is_that_of_its_authors(backbone):
    backbone("vgg")
    entry = json.loads((TEST_DATA / "dists_values.json").read_text())["entries"]
    for expected in entry[:5]:
        found = distance(*draw_pair(*expected["image"]), metric="dists")
        assert found == pytest.approx(expected["distance"], rel=1e-5, abs=5e-7)


def test_the_layer_gives_the_parts_of_taps(backbone):
    lpips = LPIPS(backbone("alex"))
    pair = [x[None].astype("float32") / 127.5 - 1 for x in draw_pair(*PAIRS[0])]
    parts = keras.ops.convert_to_numpy(lpips.per_layer(*pair))
    assert within(parts[0], golden("alex")["per_layer"][0])


def test_a_mask_compares_inside_only(backbone):
    lpips = LPIPS(backbone("alex"), value_range=(0, 1))
    pair = random_images(2, 48, 50)[:, None]
    mask = np.zeros((1, 48, 50), bool)
    mask[:, 10:30, 20:] = True

    def compare(distorted, mask):
        found = lpips(pair[0], distorted, mask=mask)
        return keras.ops.convert_to_numpy(found)

    whole = keras.ops.convert_to_numpy(lpips(*pair))
    np.testing.assert_array_equal(compare(pair[1], np.ones_like(mask)), whole)
    changed = np.where(mask[..., None], pair[1], np.float32(np.nan))
    expected = compare(pair[1], mask)
    np.testing.assert_array_equal(compare(changed, mask), expected)
    assert distance(
        pair[0, 0], pair[1, 0], value_range=(0, 1), mask=mask[0]
    ) == pytest.approx(float(expected[0]), rel=1e-5)
    with pytest.raises(ImageError, match="at least one pixel"):
        compare(pair[1], mask & False)


def test_a_mask_in_fit_lets_pixels_inside_learn(backbone):
    backbone("alex")
    target = random_images(4, 32, 32)
    mask = np.zeros((4, 32, 32), np.float32)
    mask[:, 8:20, 4:30] = 1
    layer = keras.layers.EinsumDense(
        "bhwc,hwc->bhwc", (32, 32, 3), bias_axes="hwc"
    )
    model = keras.Sequential([keras.Input((32, 32, 3)), layer])
    bias = np.full((32, 32, 3), 0.2, np.float32)
    layer.set_weights([np.zeros((32, 32, 3)), bias])
    model.compile("sgd", LPIPSLoss("alex", value_range=(0, 1)))
    model.fit(target, target, sample_weight=mask, verbose=0)
    moved = keras.ops.convert_to_numpy(layer.bias) != bias
    np.testing.assert_array_equal(moved.any(axis=-1), mask[0] == 1)


def test_a_distance_is_explained():
    assert str(explain(0.12)[0]).startswith("JPEG at quality")


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
def test_the_loss_falls_in_fit(policy, backbone):
    backbone("alex")
    keras.utils.set_random_seed(0)
    images = random_images(8, 32, 32)
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        model = keras.Sequential(
            [
                keras.Input((32, 32, 3)),
                keras.layers.Conv2D(8, 3, padding="same", activation="relu"),
                keras.layers.Conv2D(3, 3, padding="same", activation="sigmoid"),
            ]
        )
        model.compile(
            keras.optimizers.Adam(0.02),
            loss=LPIPSLoss("alex", value_range=(0, 1)),
            metrics=[LPIPSMetric("alex", value_range=(0, 1))],
        )
        history = model.fit(images, images, epochs=6, batch_size=4, verbose=0)
    finally:
        keras.config.set_dtype_policy(before)
    losses = history.history["loss"]
    assert np.isfinite(losses).all()
    assert losses[-1] < 0.9 * losses[0]


def test_a_model_with_the_layer_survives_its_file(backbone, tmp_path):
    lpips = LPIPS(backbone("alex"))
    inputs = [keras.Input((32, 32, 3)) for _ in range(2)]
    model = keras.Model(inputs, lpips(*inputs))
    path = tmp_path / "model.keras"
    model.save(path)
    pair = list(random_images(2, 32, 32)[:, None])
    expected = model.predict(pair, verbose=0)
    found = keras.models.load_model(path).predict(pair, verbose=0)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_a_compiled_model_survives_its_file(backbone, tmp_path):
    backbone("alex")
    model = keras.Sequential([keras.Input((32, 32, 3)), keras.layers.ReLU()])
    model.compile("adam", loss=LPIPSLoss("alex", value_range=(0, 1)))
    images = random_images(2, 32, 32)
    expected = model.evaluate(images, images[::-1], verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    found = loaded.evaluate(images, images[::-1], verbose=0)
    assert found == pytest.approx(expected, rel=1e-5)
