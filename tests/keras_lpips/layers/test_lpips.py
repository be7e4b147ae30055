"""Properties of the layer, with random backbones: no weights are fetched."""

import pathlib

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops

from keras_lpips import LPIPS, ImageError

NETS = ("alex", "vgg", "squeeze")


def images(batch=2, height=40, width=47, seed=0):
    generator = np.random.default_rng(seed)
    shape = (batch, height, width, 3)
    return generator.uniform(-1, 1, shape).astype(np.float32)


def random_lpips(net="alex", **options):
    return LPIPS(net, backbone_weights="random", seed=0, **options)


@pytest.fixture(scope="module")
def lpips():
    return random_lpips()


@pytest.mark.parametrize("net", NETS)
@pytest.mark.parametrize("calibrated", [True, False])
def test_identical_images_have_zero_distance(net, calibrated):
    x = images()
    layer = random_lpips(net, calibrated=calibrated)
    assert np.all(layer(x, x) == 0)


def test_the_distance_is_symmetric_and_positive(lpips):
    a, b = images(seed=1), images(seed=2)
    np.testing.assert_array_equal(lpips(a, b), lpips(b, a))
    assert np.all(lpips(a, b) > 0)


def test_an_image_does_not_depend_on_its_batch(lpips):
    a, b = images(5, seed=1), images(5, seed=2)
    alone = [lpips(a[i : i + 1], b[i : i + 1])[0] for i in range(5)]
    np.testing.assert_allclose(lpips(a, b), alone, rtol=1e-5)


@pytest.mark.parametrize("net", NETS)
@pytest.mark.parametrize("size", [(33, 64), (64, 33), (47, 91), (100, 100)])
def test_any_size_works_and_shares_sum_to_the_distance(net, size):
    a, b = images(1, *size, seed=1), images(1, *size, seed=2)
    layer = random_lpips(net)
    expected = [tap.mean(axis=(1, 2)) for tap in weighted_squares(layer, a, b)]
    shares = np.stack(expected, axis=-1)
    np.testing.assert_allclose(layer.per_layer(a, b), shares, rtol=1e-5)
    np.testing.assert_allclose(layer(a, b), shares.sum(-1), rtol=1e-5)


def test_the_map_is_the_sum_of_the_taps_at_the_images_size():
    layer = random_lpips(spatial=True)
    a, b = images(), images(seed=1)
    expected = sum(
        ops.image.resize(tap[..., None], (40, 47), "bilinear")[..., 0]
        for tap in weighted_squares(layer, a, b)
    )
    np.testing.assert_allclose(layer(a, b), expected, rtol=1e-4)
    np.testing.assert_array_equal(layer(a, b), layer.spatial_map(a, b))


def weighted_squares(layer, a, b):
    """Returns the formula's sum over channels, from the unit features."""
    features = zip(layer.embed(a), layer.embed(b), layer.heads, strict=True)
    return [
        (np.square(np.float64(x) - np.float64(y)) @ np.asarray(head.kernel))
        for x, y, head in features
    ]


@pytest.mark.parametrize("spatial", [True, False])
def test_eager_graph_xla_and_tf_data_agree(spatial):
    layer = random_lpips(spatial=spatial)
    a, b = images(), images(seed=1)
    eager = layer(a, b)
    free = tf.TensorSpec((None, None, None, 3))
    graph = tf.function(lambda x, y: layer(x, y), input_signature=(free, free))
    xla = tf.function(lambda x, y: layer(x, y), jit_compile=True)
    data = tf.data.Dataset.from_tensors((a, b)).map(layer)
    for other in (graph(a, b), xla(a, b), next(iter(data))):
        np.testing.assert_allclose(other, eager, rtol=1e-5, atol=1e-7)


def test_one_pass_gives_the_distance_and_the_map(lpips):
    a, b = images(), images(seed=1)
    distances, maps = lpips.with_spatial_map(a, b)
    np.testing.assert_allclose(distances, lpips(a, b), rtol=1e-6)
    np.testing.assert_allclose(maps, lpips.spatial_map(a, b), rtol=1e-6)


@pytest.mark.parametrize("net", NETS)
def test_embeddings_compare_as_images_do(net):
    a, b = images(3, seed=1), images(3, seed=2)
    layer = LPIPS(net, backbone_weights="random", seed=0)
    compared = layer.compare(layer.embed(a), layer.embed(b))
    np.testing.assert_allclose(compared, layer(a, b), rtol=1e-6)


@pytest.mark.parametrize("calibrated", [True, False])
def test_the_comparison_can_transform_the_squared_differences(calibrated):
    layer = random_lpips(calibrated=calibrated)
    a, b = (layer.embed(images(seed=seed)) for seed in (1, 2))
    taps = []

    def only_the_third(tap, squared):
        taps.append(tap)
        return squared if tap == 2 else 0 * squared

    found = layer.compare(a, b, only_the_third)
    shares = layer.per_layer(images(seed=1), images(seed=2))
    np.testing.assert_allclose(found, shares[:, 2], rtol=1e-6)
    assert taps == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("calibrated", [True, False])
def test_the_flat_embeddings_squared_distance_is_lpips(calibrated):
    layer = random_lpips(calibrated=calibrated)
    a = images(3, seed=1)
    # From far apart to nearly the same.
    b = a + np.array([0.5, 1e-2, 1e-4])[:, None, None, None] * images(3, seed=2)
    b = b.astype(np.float32)
    flat = [
        np.asarray(layer.flatten(layer.embed(x)), np.float64) for x in (a, b)
    ]
    squared = np.sum((flat[0] - flat[1]) ** 2, axis=-1)
    np.testing.assert_allclose(squared, layer(a, b), rtol=1e-4)


def gradient(layer, reference, distorted):
    distorted = tf.constant(distorted)
    with tf.GradientTape() as tape:
        tape.watch(distorted)
        distances = layer(reference, distorted)
    return tape.gradient(distances, distorted).numpy()


@pytest.mark.parametrize("net", NETS)
def test_gradients_are_finite_where_the_references_are_nan(net):
    layer = random_lpips(net)
    dead = [layer.backbone.get_layer(tap) for tap in layer.taps[:1]]
    black, noise = np.full((1, 40, 40, 3), -1.0, np.float32), images(1, 40, 40)
    for a, b in ((noise, noise), (black, black), (black, noise)):
        assert np.isfinite(gradient(layer, a, b)).all()
    for part in dead:
        if isinstance(part, keras.layers.Conv2D):
            kernel, bias = part.get_weights()
            part.set_weights([kernel, bias - 1e3])
    taps = layer.embed(noise)
    assert not np.any(taps[0])
    assert np.isfinite(gradient(layer, black, noise)).all()
    assert np.isfinite(layer(black, noise)).all()


def test_the_gradient_is_the_slope(lpips):
    a, b = images(1, seed=1), images(1, seed=2)
    direction = gradient(lpips, a, b)
    direction /= np.linalg.norm(direction)
    slope = np.sum(gradient(lpips, a, b) * direction)
    step = 1e-2
    ends = [lpips(a, b + sign * step * direction)[0] for sign in (1, -1)]
    assert slope == pytest.approx(
        float(ends[0] - ends[1]) / (2 * step), rel=0.02
    )


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
@pytest.mark.parametrize("net", NETS)
def test_half_precision_is_near_and_returns_float32(net, policy):
    a, b = images(seed=1), images(seed=2)
    half = random_lpips(net, dtype=policy)
    exact = random_lpips(net)(a, b)
    distances = half(a, b)
    assert keras.backend.standardize_dtype(distances.dtype) == "float32"
    assert half.backbone.layers[-1].compute_dtype == half.compute_dtype
    np.testing.assert_allclose(distances, exact, rtol=0.05)
    assert np.isfinite(gradient(half, a, a)).all()


def test_norms_beyond_float16_stay_finite():
    layer = random_lpips(dtype="mixed_float16", version="0.0")
    first = layer.backbone.get_layer("conv1")
    kernel, bias = first.get_weights()
    # Features near 900, whose squares float16 cannot hold.
    first.set_weights([kernel * 0, bias * 0 + 900])
    assert np.isfinite(layer(images(), images(seed=1))).all()


def test_ranges_are_mapped_to_the_same_distance(lpips):
    a, b = images(seed=1), images(seed=2)
    expected = lpips(a, b)
    unit = random_lpips(value_range=(0, 1))
    np.testing.assert_allclose(
        unit(a / 2 + 0.5, b / 2 + 0.5), expected, rtol=1e-4
    )
    byte = random_lpips(value_range=(0, 255))
    pixels = [np.rint((x + 1) * 127.5).astype(np.uint8) for x in (a, b)]
    floats = [x.astype(np.float32) for x in pixels]
    np.testing.assert_array_equal(byte(*pixels), byte(*floats))


def test_training_a_model_around_it_changes_nothing():
    a, b = images(seed=1), images(seed=2)
    x, y = keras.Input((40, 47, 3)), keras.Input((40, 47, 3))
    layer = random_lpips()
    model = keras.Model([x, y], layer(x, y))
    np.testing.assert_array_equal(
        model([a, b], training=True), model([a, b], training=False)
    )


def test_nothing_is_trainable_unless_asked_for():
    x, y = keras.Input((40, 47, 3)), keras.Input((40, 47, 3))
    layer = random_lpips()
    model = keras.Model([x, y], layer(x, y))
    assert not model.trainable_variables
    model.trainable = False
    model.trainable = True
    assert not model.trainable_variables
    heads = random_lpips(trainable_heads=True)
    assert [v.path.split("/")[-2] for v in heads.trainable_variables] == [
        f"head_{tap}" for tap in heads.taps
    ]
    everything = random_lpips(trainable_heads=True, trainable_backbone=True)
    assert len(everything.trainable_variables) == 5 + 10


def test_training_keeps_heads_non_negative_and_the_backbone_as_it_was():
    a, b = images(4, seed=1), images(4, seed=2)
    x, y = keras.Input((40, 47, 3)), keras.Input((40, 47, 3))
    layer = random_lpips("squeeze", trainable_heads=True)
    backbone = [np.copy(weight) for weight in layer.backbone.get_weights()]
    model = keras.Model([x, y], layer(x, y))
    model.compile(keras.optimizers.SGD(100.0), loss="mse")
    model.fit([a, b], np.zeros(4), epochs=2, verbose=0)
    heads = np.concatenate([h.get_weights()[0] for h in layer.heads])
    assert heads.min() == 0
    for before, after in zip(
        backbone, layer.backbone.get_weights(), strict=True
    ):
        np.testing.assert_array_equal(before, after)


def test_a_subset_of_taps_is_their_share(lpips):
    a, b = images(seed=1), images(seed=2)
    part = random_lpips(taps=["conv3", "conv1"])
    assert part.taps == ["conv1", "conv3"]
    shares = lpips.per_layer(a, b)
    np.testing.assert_allclose(
        part(a, b), shares[:, 0] + shares[:, 2], rtol=1e-5
    )


def custom_backbone():
    x = keras.Input((None, None, 3))
    a = keras.layers.Conv2D(4, 3, activation="relu", name="first")(x)
    b = keras.layers.Conv2D(6, 3, strides=2, name="second")(a)
    return keras.Model(x, keras.layers.Conv2D(2, 1)(b))


def test_a_backbone_of_ones_own_is_compared_at_the_named_layers():
    backbone = custom_backbone()
    layer = LPIPS(backbone, taps=["first", "second"], calibrated=False)
    a, b = images(seed=1), images(seed=2)
    total = 0
    for name in ("first", "second"):
        tap = keras.Model(backbone.input, backbone.get_layer(name).output)
        shift = np.array([-0.030, -0.088, -0.188])
        scale = np.array([0.458, 0.448, 0.450])
        units = []
        for x in (a, b):
            f = np.asarray(tap((x - shift) / scale), np.float64)
            norm = np.sqrt(np.sum(f**2, axis=-1, keepdims=True))
            units.append(f / (norm + 1e-10))
        total += np.mean(np.sum((units[0] - units[1]) ** 2, -1), (1, 2))
    np.testing.assert_allclose(layer(a, b), total, rtol=1e-5)


def test_a_backbone_of_ones_own_is_left_as_it_was():
    backbone = custom_backbone()
    a, b = images(seed=1), images(seed=2)
    layer = LPIPS(backbone, taps=["first"], calibrated=False)
    before = np.asarray(layer(a, b))
    assert len(backbone.trainable_variables) == 6
    assert not layer.trainable_variables
    assert len(layer.variables) == 2
    backbone.set_weights([0 * weight for weight in backbone.get_weights()])
    np.testing.assert_array_equal(layer(a, b), before)


def test_a_backbone_of_ones_own_has_no_calibrated_heads():
    with pytest.raises(ValueError, match="calibrated=False"):
        LPIPS(custom_backbone(), taps=["first"])
    random = LPIPS(custom_backbone(), taps=["first"], head_weights="random")
    assert random(images(), images(seed=1)).shape == (2,)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"net": "resnet"}, "net='resnet'"),
        ({"version": 0.1}, "version=0.1"),
        ({"version": "v0.1"}, "`version` must be one of .*version='v0.1'"),
        ({"value_range": (1, 0)}, r"value_range=\(1, 0\)"),
        ({"value_range": 255}, "value_range=255"),
        ({"value_range": (0, float("nan"))}, "value_range="),
        ({"taps": ["conv9"]}, "conv9"),
        ({"taps": []}, "taps="),
        ({"backbone_weights": "places"}, "backbone_weights='places'"),
        ({"head_weights": None}, "head_weights=None"),
    ],
)
def test_a_wrong_argument_is_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        LPIPS(**{"backbone_weights": "random", **arguments})


@pytest.mark.parametrize(
    ("a", "b", "message"),
    [
        ((1, 40, 40, 1), (1, 40, 40, 1), "RGB of shape"),
        ((40, 40, 3), (40, 40, 3), "RGB of shape"),
        ((1, 3, 40, 40), (1, 3, 40, 40), "RGB of shape"),
        ((1, 40, 40, 3), (1, 40, 41, 3), "one shape"),
        ((1, 63, 63, 3), (1, 66, 66, 3), "one shape"),
        ((1, 40, 40, 3), (2, 40, 40, 3), "one shape"),
        ((1, 30, 40, 3), (1, 30, 40, 3), "at least 31 pixels"),
    ],
)
def test_wrong_shapes_are_rejected(lpips, a, b, message):
    with pytest.raises(ValueError, match=message):
        lpips(np.zeros(a, np.float32), np.zeros(b, np.float32))


@pytest.mark.parametrize(
    "files", ["a.png", pathlib.Path("a.png"), ["a.png", "b.png"]]
)
def test_an_error_for_paths_names_what_reads_them(lpips, files):
    compare = [
        lambda: lpips(files, files),
        lambda: lpips(images(), distorted=files),
        lambda: lpips.per_layer(files, files),
        lambda: lpips.embed(files),
    ]
    for each in compare:
        with pytest.raises(ImageError, match=r"distance.*Received: .*a\.png"):
            each()


def test_integers_need_the_range_of_bytes(lpips):
    x = np.zeros((1, 40, 40, 3), np.uint8)
    with pytest.raises(ValueError, match=r"value_range=\(0, 255\)"):
        lpips(x, x)
