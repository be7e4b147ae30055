"""DISTS: the digits of its authors' package in float64, and its limits."""

import csv
import json

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_lpips import (
    DISTS,
    DISTSLoss,
    DISTSMetric,
    ImageError,
    LPIPSLoss,
    distance,
)
from keras_lpips.layers.blur_pooling import L2Pool2D
from keras_lpips.weights.heads import read_dists_weights
from tests.support.images import draw_pair, open_rgb
from tests.support.paths import TEST_DATA

ENTRIES = json.loads((TEST_DATA / "dists_values.json").read_text())["entries"]
# ex_ref.png against ex_p0.png and ex_p1.png of the reference of LPIPS; black
# against white. Both by DISTS_pytorch 0.1, the first in float64.
EXAMPLE = (0.387927307, 0.225023716)
BLACK_AND_WHITE = 0.370645021
# Of five pairs of `torch.rand(5, 3, 256, 256)` after `torch.manual_seed(42)`,
# in the documentation of torchmetrics.
UNIFORM = (0.128474, 0.134376, 0.135647, 0.127749, 0.127585)


def assert_within(found, expected):
    """The tolerance against float64: 1e-5 of the value, and 5e-7."""
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=5e-7)


def torch_uniform(seed, count):
    """Returns what `torch.rand` draws, float32."""
    draws = np.random.RandomState(seed).randint(0, 1 << 32, count, np.uint32)
    return (draws & ((1 << 24) - 1)).astype(np.float32) / (1 << 24)


@pytest.fixture(scope="module")
def dists(backbone):
    """The layer for uint8 images."""
    backbone("vgg")
    return DISTS(value_range=(0, 255))


@pytest.mark.parametrize(
    "entry", ENTRIES, ids=lambda e: "-".join(map(str, e["image"]))
)
def test_distances_and_terms_are_those_of_the_package(dists, entry):
    pair = [image[None] for image in draw_pair(*entry["image"])]
    for found, name in zip(
        dists.terms(*pair), ("texture", "structure"), strict=True
    ):
        assert_within(found[0], entry[name])
    assert_within(dists(*pair)[0], entry["distance"])
    assert_within(dists(*pair[::-1])[0], entry["distance"])
    assert_within(dists.compare(*map(dists.embed, pair))[0], entry["distance"])


def test_the_documented_values_of_torchmetrics(backbone):
    backbone("vgg")
    count = 5 * 3 * 256 * 256
    images = torch_uniform(42, 2 * count).reshape(2, 5, 3, 256, 256)
    pair = images.transpose(0, 1, 3, 4, 2)
    found = DISTS(value_range=(0, 1))(*pair)
    np.testing.assert_allclose(found, UNIFORM, atol=2e-6)


@pytest.mark.parametrize("precision", ["float32", "mixed_float16", "float64"])
def test_gradients_are_finite_at_extreme_images(backbone, precision):
    backbone("vgg")
    layer = DISTS(value_range=(0, 255), dtype=precision)
    black = np.zeros((1, 64, 64, 3), np.float32)
    for first, second, expected in (
        (black, black, 0),
        (black + 255, black + 255, 0),
        (black, black + 255, BLACK_AND_WHITE),
    ):
        image = tf.Variable(second)
        with tf.GradientTape() as tape:
            found = layer(first, image)
        exact = 2e-3 if "16" in precision else 1e-6
        assert float(found[0]) == pytest.approx(expected, abs=exact)
        assert np.isfinite(tape.gradient(found, image)).all()


@pytest.mark.parametrize("size", [(1, 1), (1, 7), (5, 2)])
def test_any_size_has_a_distance(dists, size):
    first, second = (x[None] for x in draw_pair(3, *size, "noise"))
    assert float(dists(first, first)[0]) == 0
    assert 0 < float(dists(first, second)[0]) <= 1.124


@pytest.mark.parametrize("jit", [False, True])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_nan_stays_nan_in_compiled_code(dists, value, jit):
    first, second = np.full((2, 2, 16, 16, 3), 9.0, np.float32)
    second[1, 3, 4, 0] = value
    compiled = tf.function(lambda a, b: dists(a, b), jit_compile=jit)
    found = compiled(first, second)
    # XLA does not keep the order of operations.
    assert abs(found[0]) < 1e-12
    assert np.isnan(found[1])


def test_different_shapes_known_at_run_time_are_an_error(dists):
    free = tf.TensorSpec((None, None, None, 3))
    compiled = tf.function(lambda a, b: dists(a, b), [free, free])
    with pytest.raises(tf.errors.InvalidArgumentError, match="one shape"):
        compiled(np.zeros((1, 8, 8, 3)), np.zeros((1, 8, 9, 3)))
    with pytest.raises(ValueError, match="one shape"):
        dists(np.zeros((1, 8, 8, 3)), np.zeros((1, 8, 9, 3)))


def test_loss_and_metric_compute_the_layer(dists):
    pair = [image[None] for image in draw_pair(5, 37, 65, "shift2")]
    expected = float(dists(*pair)[0])
    loss = DISTSLoss(value_range=(0, 255))
    assert float(loss(*pair)) == pytest.approx(expected, abs=1e-7)
    metric = DISTSMetric(value_range=(0, 255))
    metric.update_state(*pair)
    assert float(metric.result()) == pytest.approx(expected, abs=1e-7)
    # LPIPS has the same weights in another graph.
    lpips = LPIPSLoss("vgg", value_range=(0, 255))
    assert lpips._frozen.layer.backbone is not loss._frozen.layer.backbone
    assert loss._frozen.layer.backbone is metric._frozen.layer.backbone


class LossInBuild(keras.Model):
    """Makes the loss while Keras builds the model."""

    def build(self, shape):
        self.factor = self.add_weight(shape=(), initializer="ones")
        self.dists = DISTSLoss()

    def call(self, images):
        return images * self.factor

    def compute_loss(self, x=None, y=None, y_pred=None, *rest, **settings):
        return self.dists(y, y_pred)


def test_a_model_is_trained_and_restored(dists, tmp_path):
    x, y = np.random.default_rng(0).uniform(-1, 1, (2, 2, 16, 16, 3))
    model = keras.Sequential([keras.Input((16, 16, 3)), keras.layers.ReLU(9.0)])
    model.compile("adam", loss=DISTSLoss(), metrics=[DISTSMetric()])
    expected = np.mean(DISTS()(np.maximum(x, 0), y))
    found = model.evaluate(x, y, verbose=0)
    assert found == pytest.approx([expected, expected], rel=1e-5)
    model.save(tmp_path / "model.keras")
    assert (tmp_path / "model.keras").stat().st_size < 100_000
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert loaded.evaluate(x, y, verbose=0) == pytest.approx(found, rel=1e-5)


def test_a_loss_made_in_build_has_the_published_weights(dists):
    x, y = np.random.default_rng(0).uniform(-1, 1, (2, 2, 16, 16, 3))
    model = LossInBuild()
    model.compile("sgd")
    found = model.fit(x, y, verbose=0).history["loss"]
    assert found == pytest.approx([np.mean(DISTS()(x, y))], rel=1e-5)


def test_a_layer_made_in_the_first_trace_of_a_function(dists):
    made = []

    @tf.function
    def compute(a, b):
        if not made:
            made.append(DISTS(value_range=(0, 255)))
        return made[0](a, b)

    pair = [image[None] for image in draw_pair(1, 16, 16, "noise")]
    expected = dists(*pair)
    np.testing.assert_allclose(compute(*pair), expected, rtol=1e-5)
    np.testing.assert_allclose(made[0](*pair), expected, rtol=1e-5)


def test_making_one_draws_no_random_numbers(dists):
    keras.utils.set_random_seed(7)
    expected = keras.random.uniform((3,))
    keras.utils.set_random_seed(7)
    DISTSLoss()
    np.testing.assert_array_equal(keras.random.uniform((3,)), expected)


def test_a_saved_layer_is_the_same(dists, tmp_path):
    inputs = [keras.Input((33, 40, 3)), keras.Input((33, 40, 3))]
    model = keras.Model(inputs, dists(*inputs))
    assert model.trainable_variables == []
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    pair = [x[None].astype("float32") for x in draw_pair(1, 33, 40, "noise")]
    np.testing.assert_array_equal(loaded(pair), model(pair))


def test_there_is_no_distance_per_pixel(dists):
    pair = [image[None] for image in draw_pair(1, 8, 8, "noise")]
    for method in (dists.spatial_map, dists.tap_maps):
        with pytest.raises(ImageError, match="no distance per pixel"):
            method(*pair)
    range_ = {"value_range": (0, 255)}
    for compare in (dists, DISTSLoss(**range_), DISTSMetric(**range_)):
        with pytest.raises(ImageError, match="no masks"):
            compare(*pair, mask=np.ones((1, 8, 8), bool))
    with pytest.raises(ImageError, match="no vectors of single images"):
        dists.flatten(dists.embed(pair[0]))
    pair = [image[0] for image in pair]
    with pytest.raises(ImageError, match="no tiles"):
        distance(*pair, metric="dists", tile=4)


def test_the_function_computes_the_layer(dists):
    pair = draw_pair(5, 37, 65, "shift2")
    expected = float(dists(*(x[None] for x in pair))[0])
    for net in ("alex", "vgg"):
        found = distance(*pair, net, metric="dists")
        assert found == pytest.approx(expected, abs=1e-7)
    for settings in ({"net": "squeeze"}, {"version": "st"}):
        with pytest.raises(ValueError, match="DISTS has one net.*Received"):
            distance(*pair, metric="dists", **settings)
    with pytest.raises(ValueError, match="`metric` must be.*'ssim'"):
        distance(*pair, metric="ssim")


def test_pools_are_weighted_root_mean_squares():
    image = np.random.default_rng(0).normal(size=(5, 8, 2)).astype("float32")
    padded = np.pad(image, ((1, 1), (1, 1), (0, 0))) ** 2
    kernel = np.outer((1, 2, 1), (1, 2, 1)) / 16
    expected = [
        [
            np.einsum("ij,ijc", kernel, padded[i : i + 3, j : j + 3]) ** 0.5
            for j in range(0, 8, 2)
        ]
        for i in range(0, 5, 2)
    ]
    layer = L2Pool2D()
    np.testing.assert_allclose(layer(image[None])[0], expected, atol=1e-5)
    assert layer.compute_output_shape((1, 5, 8, 2)) == (1, 3, 4, 2)
    assert layer.compute_output_shape((1, None, 8, 2)) == (1, None, 4, 2)


def test_the_weights_have_the_published_shares():
    weights = read_dists_weights()
    assert weights["alpha"].sum() == pytest.approx(0.876050, abs=1e-6)
    assert weights["beta"].sum() == pytest.approx(0.123950, abs=1e-6)
    assert all((array >= 0).all() for array in weights.values())


def test_the_example_has_the_published_distances(dists, shared_data):
    reference, *others = (
        open_rgb(shared_data / "examples" / f"ex_{name}.png")[None]
        for name in ("ref", "p0", "p1")
    )
    found = [dists(reference, other)[0] for other in others]
    assert_within(found, EXAMPLE)


def test_real_triplets_have_the_recorded_distances(dists, shared_data):
    """The 148 distances in float64 of 74 triplets of BAPPS, at 64 pixels."""
    with open(shared_data / "bapps_st_dists.csv") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 74
    folder = shared_data / "bapps_sample" / "dataset" / "2afc" / "val"
    reference, p0, p1 = (
        np.stack(
            [
                open_rgb(
                    folder / row["subset"] / role / f"{row['name']}.png",
                    (64, 64),
                )
                for row in rows
            ]
        )
        for role in ("ref", "p0", "p1")
    )
    for i, distorted in enumerate((p0, p1)):
        expected = [float(row[f"dists_d{i}"]) for row in rows]
        assert_within(dists(reference, distorted), expected)
