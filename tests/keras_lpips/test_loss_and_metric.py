"""The loss and the metric as Keras users use them."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_lpips import LPIPS, LPIPSLoss, LPIPSMetric
from training.run.devices import mirror


def images(batch=4, side=32, seed=0):
    generator = np.random.default_rng(seed)
    shape = (batch, side, side, 3)
    return generator.uniform(0, 1, shape).astype(np.float32)


def autoencoder():
    keras.utils.set_random_seed(0)
    x = keras.Input((None, None, 3))
    y = keras.layers.Conv2D(8, 3, padding="same", activation="relu")(x)
    y = keras.layers.Conv2D(
        3, 3, padding="same", activation="sigmoid", dtype="float32"
    )(y)
    return keras.Model(x, y)


@pytest.fixture(scope="module")
def alex(backbone):
    return backbone("alex")


@pytest.fixture(scope="module")
def distances(alex):
    layer = LPIPS(alex, value_range=(0, 1))
    return np.asarray(layer(images(seed=1), images(seed=2)))


def test_reductions_are_those_of_keras(alex, distances):
    a, b = images(seed=1), images(seed=2)
    for reduction, expected in (
        ("sum_over_batch_size", distances.mean()),
        ("sum", distances.sum()),
        (None, distances),
    ):
        loss = LPIPSLoss(alex, value_range=(0, 1), reduction=reduction)
        np.testing.assert_allclose(loss(a, b), expected, rtol=1e-6)


def test_sample_weights_weigh_the_images(alex, distances):
    a, b = images(seed=1), images(seed=2)
    weights = np.array([1.0, 0.0, 2.0, 0.5], np.float32)
    loss = LPIPSLoss(alex, value_range=(0, 1))
    expected = np.sum(weights * distances) / 4
    np.testing.assert_allclose(loss(a, b, weights), expected, rtol=1e-6)
    metric = LPIPSMetric(alex, value_range=(0, 1))
    metric.update_state(a, b, weights)
    expected = np.sum(weights * distances) / weights.sum()
    np.testing.assert_allclose(metric.result(), expected, rtol=1e-6)


def test_a_mask_is_that_of_the_layer(alex):
    a, b = images(seed=1), images(seed=2)
    mask = np.zeros((4, 32, 32), bool)
    mask[:, 3:20, 8:] = True
    expected = np.asarray(LPIPS(alex, value_range=(0, 1))(a, b, mask=mask))
    weights = np.array([1.0, 0.0, 2.0, 0.5], np.float32)
    loss = LPIPSLoss(alex, value_range=(0, 1), reduction=None)
    np.testing.assert_allclose(loss(a, b, mask), expected, rtol=1e-6)
    np.testing.assert_allclose(loss(a, b, mask=mask), expected, rtol=1e-6)
    np.testing.assert_allclose(
        loss(a, b, weights, mask=mask), weights * expected, rtol=1e-6
    )
    metric = LPIPSMetric(alex, value_range=(0, 1))
    metric.update_state(a, b, mask)
    metric.update_state(a, b, weights, mask=mask)
    total = expected.sum() + (weights * expected).sum()
    np.testing.assert_allclose(
        metric.result(), total / (4 + weights.sum()), rtol=1e-6
    )


@pytest.mark.parametrize("jit", [False, True])
def test_a_sample_weight_of_the_images_size_is_a_mask_in_fit(alex, jit):
    """A model of one bias per pixel learns inside the mask only."""
    target = np.full((4, 32, 32, 3), 0.8, np.float32)
    mask = np.zeros((4, 32, 32), np.float32)
    mask[:, 10:20, 5:30] = 1
    layer = keras.layers.EinsumDense(
        "bhwc,hwc->bhwc", (32, 32, 3), bias_axes="hwc"
    )
    image = keras.Input((32, 32, 3))
    model = keras.Model(image, layer(image))
    layer.set_weights([np.zeros((32, 32, 3)), np.full((32, 32, 3), 0.2)])
    model.compile(
        keras.optimizers.SGD(1.0),
        loss=LPIPSLoss(alex, value_range=(0, 1)),
        weighted_metrics=[LPIPSMetric(alex, value_range=(0, 1))],
        jit_compile=jit,
    )
    first = model.evaluate(
        target, target, sample_weight=mask, verbose=0, return_dict=True
    )
    assert first["lpips"] == pytest.approx(first["loss"], rel=1e-5)
    model.fit(target, target, sample_weight=mask, verbose=0, batch_size=2)
    moved = (np.asarray(layer.bias) != np.float32(0.2)).any(axis=-1)
    np.testing.assert_array_equal(moved, mask[0] == 1)


def test_the_metric_streams_and_resets(alex, distances):
    a, b = images(seed=1), images(seed=2)
    metric = LPIPSMetric(alex, value_range=(0, 1))
    assert len(metric.variables) == 2
    metric.update_state(a[:1], b[:1])
    metric.update_state(a[1:], b[1:])
    np.testing.assert_allclose(metric.result(), distances.mean(), rtol=1e-6)
    metric.reset_state()
    metric.update_state(a[:1], b[:1])
    np.testing.assert_allclose(metric.result(), distances[0], rtol=1e-6)


def test_defaults_are_vgg_for_the_loss_and_alex_for_the_metric(backbone):
    backbone("vgg")
    backbone("alex")
    assert LPIPSLoss().get_config()["net"] == "vgg"
    assert LPIPSMetric().get_config()["net"] == "alex"


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
@pytest.mark.parametrize("jit", [False, True])
def test_training_lowers_the_loss(alex, policy, jit):
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        model = autoencoder()
        model.compile(
            keras.optimizers.Adam(0.01),
            loss=LPIPSLoss(alex, value_range=(0, 1)),
            metrics=[LPIPSMetric(alex, value_range=(0, 1))],
            jit_compile=jit,
        )
        owned = {id(v) for v in model.optimizer.variables}
        x = images(8)
        history = model.fit(x, x, batch_size=3, epochs=4, verbose=0).history
    finally:
        keras.config.set_dtype_policy(before)
    assert history["loss"][-1] < history["loss"][0]
    assert history["lpips"][-1] < history["lpips"][0]
    assert len(model.trainable_variables) == 4
    assert len(owned) < 20


def test_callbacks_know_that_a_lower_distance_is_better(alex, tmp_path):
    model = autoencoder()
    model.compile("sgd", loss="mse", metrics=[LPIPSMetric(alex)])
    callback = keras.callbacks.EarlyStopping("val_lpips", patience=0)
    x = images(4)
    model.fit(
        x, x, epochs=2, validation_data=(x, x), verbose=0, callbacks=[callback]
    )
    assert callback.monitor_op(0.1, 0.2)
    assert callback.best == pytest.approx(
        min(model.history.history["val_lpips"])
    )


def test_a_float64_policy_gives_float64(alex, distances):
    a, b = images(seed=1), images(seed=2)
    layer = LPIPS(alex, value_range=(0, 1), dtype="float64")
    loss = LPIPSLoss(alex, value_range=(0, 1), dtype="float64", reduction=None)
    for found in (layer(a, b), loss(a, b)):
        assert keras.backend.standardize_dtype(found.dtype) == "float64"
        np.testing.assert_allclose(found, distances, rtol=1e-5)
    single = LPIPSLoss(alex, dtype="mixed_bfloat16")(a, b)
    assert keras.backend.standardize_dtype(single.dtype) == "float32"


def test_mirrored_replicas_agree_with_one_device(alex):
    x = images(6, seed=5)

    def train(strategy):
        with strategy.scope():
            model = autoencoder()
            model.compile(
                keras.optimizers.SGD(0.1),
                loss=LPIPSLoss(alex, value_range=(0, 1)),
                metrics=[LPIPSMetric(alex, value_range=(0, 1))],
            )
        data = tf.data.Dataset.from_tensor_slices((x, x)).batch(4)
        history = model.fit(data, epochs=2, shuffle=False, verbose=0).history
        return history, model.get_weights()

    one, weights = train(tf.distribute.OneDeviceStrategy("/cpu:0"))
    two, mirrored = train(mirror(["/cpu:0", "/cpu:1"]))
    np.testing.assert_allclose(two["lpips"], one["lpips"], rtol=1e-4)
    for a, b in zip(weights, mirrored, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)
