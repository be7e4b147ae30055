"""Sizes known only when a graph runs, and NaN, on every path."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_lpips import LPIPS, ImageError, LPIPSLoss, LPIPSMetric

FREE = tf.TensorSpec((None, None, None, 3))
TOO_SMALL = "at least 31 pixels high and wide"
DIFFERENT = "must have one shape"


def images(batch=2, height=40, width=40, seed=0):
    generator = np.random.default_rng(seed)
    shape = (batch, height, width, 3)
    return generator.uniform(0, 1, shape).astype(np.float32)


@pytest.fixture(scope="module")
def layer():
    return LPIPS("alex", backbone_weights="random", seed=0, value_range=(0, 1))


@pytest.fixture(scope="module")
def loss(backbone):
    return LPIPSLoss(backbone("alex"), value_range=(0, 1))


@pytest.fixture(scope="module")
def functions(layer, loss, backbone):
    """One compiled function of two free batches for each way of use."""
    metric = LPIPSMetric(backbone("alex"), value_range=(0, 1))

    def update(a, b):
        metric.reset_state()
        metric.update_state(a, b)
        return metric.result()

    ways = {
        "layer": layer,
        "per_layer": layer.per_layer,
        "spatial_map": layer.spatial_map,
        "loss": loss,
        "metric": update,
    }
    return {
        name: tf.function(
            lambda a, b, way=way: way(a, b), input_signature=(FREE, FREE)
        )
        for name, way in ways.items()
    }


WAYS = ["layer", "per_layer", "spatial_map", "loss", "metric"]
BAD_SHAPES = [
    ((2, 22, 40), (2, 22, 40), TOO_SMALL),
    ((2, 40, 15), (2, 40, 15), TOO_SMALL),
    ((2, 30, 30), (2, 30, 30), TOO_SMALL),
    ((2, 1, 1), (2, 1, 1), TOO_SMALL),
    ((2, 64, 64), (2, 65, 64), DIFFERENT),
    ((2, 64, 64), (2, 64, 65), DIFFERENT),
    ((1, 40, 40), (4, 40, 40), DIFFERENT),
    ((4, 40, 40), (1, 40, 40), DIFFERENT),
]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("a", "b", "message"), BAD_SHAPES)
def test_a_graph_of_free_sizes_checks_them(functions, way, a, b, message):
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
        functions[way](images(*a), images(*b))


@pytest.mark.parametrize("side", range(15, 31))
def test_no_small_size_reaches_the_pooling_kernel(functions, side):
    with pytest.raises(tf.errors.InvalidArgumentError, match=TOO_SMALL):
        functions["layer"](*[images(1, side, side)] * 2)


@pytest.mark.parametrize("net", ["vgg", "squeeze"])
def test_other_nets_check_their_smallest_size(net):
    layer = LPIPS(net, backbone_weights="random", seed=0)
    function = tf.function(layer.embed, input_signature=(FREE,))
    side = layer.smallest_size
    assert np.isfinite(function(images(1, side, side))[-1]).all()
    for size in (1, side - 1):
        with pytest.raises(
            tf.errors.InvalidArgumentError, match=f"at least {side} pixels"
        ):
            function(images(1, size, 40))


def test_a_data_pipeline_checks_sizes(layer):
    def batches(*sizes):
        return tf.data.Dataset.from_generator(
            lambda: (images(1, side, side) for side in sizes),
            output_signature=FREE,
        )

    data = tf.data.Dataset.zip((batches(40, 20), batches(40, 20))).map(layer)
    with pytest.raises(tf.errors.InvalidArgumentError, match=TOO_SMALL):
        list(data)
    data = tf.data.Dataset.zip((batches(64), batches(65))).map(layer)
    with pytest.raises(tf.errors.InvalidArgumentError, match=DIFFERENT):
        list(data)


def identity_model():
    x = keras.Input((None, None, 3))
    return keras.Model(x, keras.layers.Conv2D(3, 1)(x))


@pytest.mark.parametrize("jit", [False, True])
def test_fit_on_unknown_sizes_raises_an_error(loss, jit):
    model = identity_model()
    model.compile("sgd", loss=loss, jit_compile=jit)
    data = tf.data.Dataset.from_generator(
        lambda: iter([(images(2, 30, 30), images(2, 30, 30))]),
        output_signature=(FREE, FREE),
    )
    # XLA drops the check and finds the gradient's shapes impossible.
    message = "non-positive dimension" if jit else TOO_SMALL
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
        model.fit(data, shuffle=False, verbose=0)


def test_an_exported_model_checks_sizes(layer, tmp_path):
    pair = [keras.Input((None, None, 3)), keras.Input((None, None, 3))]
    keras.Model(pair, layer(*pair)).export(tmp_path / "model", verbose=False)
    loaded = tf.saved_model.load(str(tmp_path / "model"))
    serve = loaded.serve
    found = serve([images(), images(seed=1)])
    np.testing.assert_allclose(
        found, layer(images(), images(seed=1)), rtol=1e-5
    )
    for a, b, message in BAD_SHAPES:
        with pytest.raises(tf.errors.InvalidArgumentError, match=message):
            serve([images(*a), images(*b)])


def test_under_xla_wrong_shapes_give_nan(layer):
    function = tf.function(
        lambda x, y: layer(x, y),
        input_signature=(FREE, FREE),
        jit_compile=True,
    )
    for a, b in (
        ((1, 40, 40), (4, 40, 40)),
        ((2, 64, 64), (2, 65, 64)),
        ((2, 30, 30), (2, 30, 30)),
    ):
        assert np.isnan(function(images(*a), images(*b))).all()


def test_shapes_that_are_known_are_rejected_before_anything_runs(loss):
    with pytest.raises(ImageError, match="one shape"):
        loss(images(1), images(4))
    with pytest.raises(ImageError, match="one shape"):
        loss(images(1, 64, 64), images(1, 65, 64))
    with pytest.raises(ImageError, match="at least 31 pixels"):
        loss(images(1, 20, 20), images(1, 20, 20))


@pytest.mark.parametrize("dtype", [np.uint8, np.int32])
def test_the_loss_takes_integers_in_their_range_only(backbone, dtype):
    a, b = (np.rint(255 * images(seed=seed)).astype(dtype) for seed in (1, 2))
    loss = LPIPSLoss(backbone("alex"), value_range=(0, 255))
    floats = [np.float32(x) for x in (a, b)]
    expected = pytest.approx(float(loss(*floats)), rel=1e-6)
    assert float(loss(a, b)) == expected
    for pair in ((a, b), (a, floats[1]), (floats[0], b)):
        with pytest.raises(ImageError, match=r"value_range=\(0, 255\)"):
            LPIPSLoss("alex", value_range=(0, 1))(*pair)
    model = identity_model()
    model.compile("sgd", loss=LPIPSLoss("alex", value_range=(0, 1)))
    with pytest.raises(ImageError, match=r"value_range=\(0, 255\)"):
        model.evaluate(floats[0], a, verbose=0)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("way", WAYS)
def test_nan_and_infinity_give_nan(layer, loss, functions, bad, way):
    a, b = images(3, seed=1), images(3, seed=2)
    good = np.asarray(functions[way](a, b))
    a[1, 5, 7, 2] = bad
    eager = {"layer": layer, "loss": loss}
    for function in (functions[way], eager.get(way, functions[way])):
        for pair in ((a, b), (b, a)):
            found = np.asarray(function(*pair))
            if found.ndim == 0:
                assert np.isnan(found)
                continue
            assert np.isnan(found[1]).all()
            kept = [0, 2]
            np.testing.assert_allclose(found[kept], good[kept], rtol=1e-5)


@pytest.mark.parametrize(
    ("net", "jit"),
    [("alex", False), ("vgg", False), ("squeeze", False), ("alex", True)],
)
def test_features_of_an_image_with_nan_are_nan(net, jit):
    layer = LPIPS(net, backbone_weights="random", seed=0)
    x = images(2)
    x[0, 3, 3, 0] = np.nan
    for tap in tf.function(layer.embed, jit_compile=jit)(x):
        assert np.isnan(tap[0]).all() and np.isfinite(tap[1]).all()


def test_fit_stops_on_nan(loss):
    model = identity_model()
    model.compile("sgd", loss=loss, jit_compile=False)
    x = images(4)
    y = x.copy()
    y[2, 0, 0, 0] = np.nan
    history = model.fit(
        x,
        y,
        epochs=3,
        verbose=0,
        callbacks=[keras.callbacks.TerminateOnNaN()],
    ).history
    assert len(history["loss"]) == 1


def test_half_precision_images_of_any_size_are_finite():
    layer = LPIPS("alex", backbone_weights="random", seed=0)
    x = np.ones((1, 600, 600, 3), np.float16)
    assert np.isfinite(layer(x, -x)).all()


def test_weights_of_other_shapes_are_rejected(loss, backbone):
    a, b = images(2), images(2, seed=1)
    metric = LPIPSMetric(backbone("alex"))
    for weights in (np.ones((2, 40)), np.ones((2, 40, 40, 1))):
        for call in (loss, metric.update_state):
            with pytest.raises(ImageError, match="one weight per image"):
                call(a, b, weights)
    mask = np.ones((2, 40, 40))
    for call in (loss, metric.update_state):
        with pytest.raises(ImageError, match="the size of the images"):
            call(a, b, mask[:, 1:])
        with pytest.raises(ImageError, match="if no other is given"):
            call(a, b, mask, mask=mask)
    column = loss(a, b, np.array([[1.0], [0.0]]))
    assert float(column) == pytest.approx(
        float(loss(a, b, np.array([1.0, 0.0])))
    )
