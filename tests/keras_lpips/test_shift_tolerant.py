"""Version "st" of LPIPS: the digits of its authors' package, and its limits."""

import csv
import json

import keras
import numpy as np
import pytest

from keras_lpips import (
    LPIPS,
    LPIPSLoss,
    LPIPSMetric,
    WeightsError,
    distance,
)
from tests.support.images import draw_pair, open_rgb
from tests.support.paths import TEST_DATA

NETS = ("alex", "vgg")
ENTRIES = json.loads((TEST_DATA / "shift_tolerant_values.json").read_text())[
    "entries"
]
# ex_ref.png against ex_p0.png and ex_p1.png of the reference of LPIPS, by
# stlpips_pytorch 0.0.2 in float32.
EXAMPLE = {
    "alex": (0.777755499, 0.132021546),
    "vgg": (0.651697099, 0.136112005),
}
# Black against white, likewise.
BLACK_AND_WHITE = {"alex": 0.487036552, "vgg": 0.419058167}


def assert_within(found, expected):
    """The tolerance against float64: 1e-5 of the value, and 5e-7."""
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=5e-7)


@pytest.fixture(scope="module")
def layers(backbone):
    """The layers of all nets, for uint8 images."""
    return {
        net: LPIPS(backbone(net, "st"), "st", value_range=(0, 255))
        for net in NETS
    }


@pytest.mark.parametrize(
    "entry", ENTRIES, ids=lambda e: f"{e['net']}-{e['image']}"
)
def test_distances_shares_and_maps_are_those_of_the_package(layers, entry):
    lpips = layers[entry["net"]]
    pair = [image[None] for image in draw_pair(*entry["image"])]
    assert_within(lpips.per_layer(*pair)[0], entry["per_layer"])
    found, per_pixel = lpips.with_spatial_map(*pair)
    assert_within(found[0], entry["distance"])
    # The package's maps are in float32.
    per_pixel, expected = np.array(per_pixel[0]), entry["map"]
    statistics = {"mean": per_pixel.mean(), "min": per_pixel.min()}
    statistics["max"] = per_pixel.max()
    statistics["value"] = per_pixel[tuple(expected["at"])]
    for name, value in statistics.items():
        np.testing.assert_allclose(
            value, expected[name], rtol=2e-5, atol=1e-6, err_msg=name
        )


@pytest.mark.parametrize("net", NETS)
def test_black_and_white_and_equal_images_have_finite_gradients(layers, net):
    import tensorflow as tf

    black = np.zeros((1, 32, 32, 3), np.float32)
    for other, expected in ((black, 0), (black + 255, BLACK_AND_WHITE[net])):
        image = tf.Variable(other)
        with tf.GradientTape() as tape:
            found = layers[net](black, image)
        if expected == 0:
            assert float(found[0]) == 0
        assert np.isfinite(tape.gradient(found, image)).all()
    large = np.zeros((1, 64, 64, 3), np.uint8)
    assert_within(layers[net](large, large + 255)[0], BLACK_AND_WHITE[net])


@pytest.mark.parametrize("net", NETS)
def test_loss_metric_and_function_compute_the_layer(layers, net):
    pair = [image[None] for image in draw_pair(5, 37, 65, "shift2")]
    expected = float(layers[net](*pair)[0])
    settings = {"version": "st", "value_range": (0, 255)}
    loss = LPIPSLoss(net, **settings)
    assert float(loss(*pair)) == pytest.approx(expected, abs=1e-7)
    metric = LPIPSMetric(net, **settings)
    metric.update_state(*pair)
    assert float(metric.result()) == pytest.approx(expected, abs=1e-7)
    assert distance(*(x[0] for x in pair), net, version="st") == pytest.approx(
        expected, abs=1e-7
    )
    # Objects of another version do not share its backbone.
    plain = LPIPSLoss(net, value_range=(0, 255))
    assert float(plain(*pair)) != pytest.approx(expected, rel=0.01)


def test_a_saved_layer_is_the_same(layers, tmp_path):
    shape = (33, 40, 3)
    inputs = [keras.Input(shape), keras.Input(shape)]
    model = keras.Model(inputs, layers["alex"](*inputs))
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    pair = [x[None].astype("float32") for x in draw_pair(1, 33, 40, "noise")]
    np.testing.assert_array_equal(loaded(pair), model(pair))


def test_the_embedding_gives_the_distance(layers):
    pair = [image[None] for image in draw_pair(1, 40, 33, "noise")]
    lpips = layers["alex"]
    a, b = (np.array(lpips.flatten(lpips.embed(x))[0], float) for x in pair)
    assert ((a - b) ** 2).sum() == pytest.approx(
        float(lpips(*pair)[0]), rel=1e-5
    )


def test_what_does_not_exist_is_one_error():
    for make in (LPIPS, LPIPSLoss, LPIPSMetric):
        with pytest.raises(WeightsError, match="'alex' and 'vgg' only.*squee"):
            make("squeeze", version="st")
    with pytest.raises(WeightsError, match="'alex' and 'vgg' only.*squee"):
        distance(*draw_pair(1, 32, 32, "noise"), "squeeze", version="st")
    image = keras.Input((None, None, 3))
    own = keras.Model(image, keras.layers.Conv2D(2, 1, name="a")(image))
    with pytest.raises(ValueError, match="has backbones of its own"):
        LPIPS(own, "st", calibrated=False, taps=["a"])
    with pytest.raises(ValueError, match="'0.1', '0.0', 'st'.*'2'"):
        LPIPS("alex", "2")


@pytest.mark.parametrize(("net", "smallest"), [("alex", 21), ("vgg", 18)])
def test_images_below_the_smallest_size_are_an_error(layers, net, smallest):
    for height, width in ((smallest, smallest + 9), (smallest + 9, smallest)):
        pair = [x[None] for x in draw_pair(1, height, width, "noise")]
        assert layers[net](*pair)[0] > 0
        with pytest.raises(ValueError, match=f"at least {smallest} pixels"):
            cut = (slice(None), slice(height != smallest, None), slice(1, None))
            layers[net](*(x[cut][:, : smallest - 1] for x in pair))


@pytest.mark.parametrize("net", NETS)
def test_the_example_has_the_published_distances(layers, net, shared_data):
    reference, *others = (
        open_rgb(shared_data / "examples" / f"ex_{name}.png")[None]
        for name in ("ref", "p0", "p1")
    )
    found = [layers[net](reference, other)[0] for other in others]
    assert_within(found, EXAMPLE[net])


@pytest.mark.parametrize("net", NETS)
def test_real_triplets_have_the_recorded_distances(layers, net, shared_data):
    """The 148 distances in float64 of 74 triplets of BAPPS, at 64 pixels."""
    with open(shared_data / "bapps_st_dists.csv") as file:
        rows = list(csv.DictReader(file))
    triplets = [
        [
            open_rgb(
                next(
                    (shared_data / "bapps_sample" / "dataset").glob(
                        f"2afc/val/{row['subset']}/{role}/{row['name']}.png"
                    )
                ),
                (64, 64),
            )
            for role in ("ref", "p0", "p1")
        ]
        for row in rows
    ]
    reference, p0, p1 = map(np.stack, zip(*triplets, strict=True))
    for i, distorted in enumerate((p0, p1)):
        found = distance(reference, distorted, net, version="st")
        expected = [float(row[f"st_{net}_d{i}"]) for row in rows]
        assert len(expected) == 74
        assert_within(found, expected)
