"""What is saved comes back, in a fresh process, without any fetching."""

import gc
import json
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

from keras_lpips import LPIPS, LPIPSLoss, LPIPSMetric
from keras_lpips.weights import presets

ROOT = Path(__file__).parents[2]


def images(seed=0):
    generator = np.random.default_rng(seed)
    return generator.uniform(0, 1, (2, 32, 32, 3)).astype(np.float32)


def distance_model(layer):
    x, y = keras.Input((None, None, 3)), keras.Input((None, None, 3))
    return keras.Model([x, y], layer(x, y))


@pytest.fixture
def no_fetching(monkeypatch, tmp_path):
    """An empty cache, and every way to fill it closed."""

    def refuse(net):
        raise AssertionError(f"{net} was fetched")

    monkeypatch.setenv("KERAS_LPIPS_HOME", str(tmp_path / "empty"))
    for name in ("_from_folder", "_from_package_index", "_from_torchvision"):
        monkeypatch.setattr(presets, name, refuse)


def run_fresh(code, *arguments, cache):
    """Runs code in a new process with another cache and no way out."""
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        cwd=ROOT,
        env={
            "PATH": "",
            "PYTHONPATH": str(ROOT),
            "KERAS_LPIPS_HOME": str(cache),
            "PIP_NO_INDEX": "1",
            "https_proxy": "http://127.0.0.1:9",
        },
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


LOAD_AND_CALL = """
import json, sys
import keras, numpy as np
import keras_lpips
model = keras.models.load_model(sys.argv[1])
x = np.load(sys.argv[2])
print(json.dumps(model.predict([x[0], x[1]], verbose=0).tolist()))
"""
LOAD_AND_EVALUATE = """
import json, sys
import keras, numpy as np
import keras_lpips
model = keras.models.load_model(sys.argv[1])
x = np.load(sys.argv[2])
print(json.dumps(model.evaluate(x[0], x[1], verbose=0)))
"""


def test_a_saved_layer_brings_its_weights_to_a_machine_without_any(
    backbone, tmp_path
):
    model = distance_model(LPIPS(backbone("alex"), value_range=(0, 1)))
    x = np.stack([images(1), images(2)])
    np.save(tmp_path / "x.npy", x)
    model.save(tmp_path / "model.keras")
    found = run_fresh(
        LOAD_AND_CALL,
        tmp_path / "model.keras",
        tmp_path / "x.npy",
        cache=tmp_path / "empty",
    )
    np.testing.assert_allclose(found, model.predict([*x], verbose=0), rtol=1e-6)
    assert not (tmp_path / "empty").exists()


def test_a_compiled_model_re_creates_loss_and_metric_from_the_cache(
    backbone, tmp_path
):
    x = keras.Input((None, None, 3))
    model = keras.Model(x, keras.layers.Conv2D(3, 1, activation="sigmoid")(x))
    net = backbone("alex")
    model.compile(
        "sgd",
        loss=LPIPSLoss(net, value_range=(0, 1)),
        metrics=[LPIPSMetric(net, value_range=(0, 1), taps=["conv1"])],
    )
    batch = np.stack([images(1), images(2)])
    np.save(tmp_path / "x.npy", batch)
    model.train_on_batch(*batch)
    model.save(tmp_path / "model.keras")
    # Neither the loss's backbone nor the metric's is in the file.
    assert (tmp_path / "model.keras").stat().st_size < 100_000
    found = run_fresh(
        LOAD_AND_EVALUATE,
        tmp_path / "model.keras",
        tmp_path / "x.npy",
        cache=presets.cache_folder(),
    )
    np.testing.assert_allclose(
        found, model.evaluate(*batch, verbose=0), rtol=1e-5
    )


def test_a_loss_without_its_backbone_says_what_to_do(backbone, request):
    config = LPIPSLoss(backbone("alex"), dtype="float64").get_config()
    gc.collect()  # Otherwise the weights of that loss are still in memory.
    request.getfixturevalue("no_fetching")
    loss = LPIPSLoss.from_config(config)
    with pytest.raises(ValueError, match="keras-lpips weights fetch"):
        loss(images(1), images(2))


def test_a_layer_without_its_backbone_gives_no_number_that_could_pass_for_one(
    backbone, request
):
    config = LPIPS(backbone("alex")).get_config()
    request.getfixturevalue("no_fetching")
    layer = LPIPS.from_config(config)
    assert np.isnan(layer(images(1), images(2))).all()


def test_configs_are_json_and_give_the_same_object(backbone):
    net = backbone("alex")
    options = {
        "version": "0.0",
        "calibrated": True,
        "value_range": (0, 255),
        "taps": ["conv2", "conv5"],
    }
    a, b = images(1) * 255, images(2) * 255
    for cls in (LPIPS, LPIPSLoss, LPIPSMetric):
        made = cls(net, **options)
        config = json.loads(json.dumps(made.get_config()))
        again = cls.from_config(config)
        assert again.get_config() == made.get_config()
        np.testing.assert_array_equal(again(a, b), made(a, b))


def test_a_clone_has_the_same_weights(backbone):
    model = distance_model(LPIPS(backbone("alex")))
    clone = keras.models.clone_model(model)
    x = [images(1), images(2)]
    np.testing.assert_array_equal(
        clone.predict(x, verbose=0), model.predict(x, verbose=0)
    )


def test_trained_heads_and_a_backbone_of_ones_own_are_saved(tmp_path):
    x = keras.Input((None, None, 3))
    first = keras.layers.Conv2D(4, 3, activation="relu", name="first")(x)
    own = keras.Model(x, keras.layers.Conv2D(5, 3, name="second")(first))
    layer = LPIPS(
        own,
        taps=["first", "second"],
        head_weights="random",
        trainable_heads=True,
        seed=1,
    )
    model = distance_model(layer)
    model.compile("adam", "mse")
    batch = [images(1), images(2)]
    model.fit(batch, np.ones(2), verbose=0)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(
        again.predict(batch, verbose=0), model.predict(batch, verbose=0)
    )
    assert len(again.trainable_variables) == 2


def test_weights_alone_can_be_saved_and_loaded(backbone, tmp_path):
    layer = LPIPS(backbone("alex"), head_weights="random", seed=0)
    model = distance_model(layer)
    model.save_weights(tmp_path / "x.weights.h5")
    other = distance_model(LPIPS("alex", head_weights="random", seed=9))
    other.load_weights(tmp_path / "x.weights.h5")
    x = [images(1), images(2)]
    np.testing.assert_array_equal(
        other.predict(x, verbose=0), model.predict(x, verbose=0)
    )
