"""The distance inside a mask: its definition, and what cannot change it."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_lpips import LPIPS, ImageError
from keras_lpips.backbones.receptive_field import Grid, tap_grids
from keras_lpips.backbones.registry import build_backbone
from keras_lpips.layers.masking import coverage
from tests.support.images import random_images

BACKBONES = ["alex", "vgg", "squeeze", "alex@st", "vgg@st"]
RULE = "with at least one pixel above 0"


def region(batch=2, height=48, width=53):
    """Returns a mask of a box and, in the second image, one corner pixel."""
    mask = np.zeros((batch, height, width), bool)
    mask[:, 12:30, 5:24] = True
    mask[1, 0, 0] = True
    return mask


@pytest.fixture(scope="module")
def pair():
    return random_images(2, 48, 53, seed=1), random_images(2, 48, 53, seed=2)


@pytest.fixture(scope="module")
def layer(backbone):
    return LPIPS(backbone("alex"), value_range=(0, 1))


def grids_of(name):
    net, _, version = name.partition("@")
    backbone = build_backbone(net, "float32", seed=0, version=version or "0.1")
    return backbone, tap_grids(backbone)


@pytest.mark.parametrize("name", BACKBONES)
@pytest.mark.parametrize("size", [31, 32, 37, 64])
def test_every_pixel_covers_every_tap_and_ones_cover_it_wholly(name, size):
    backbone, taps = grids_of(name)
    shapes = backbone.compute_output_shape((1, size, size, 3))
    # One mask for each row of pixels.
    rows = np.eye(size, dtype=np.float32)[:, :, None].repeat(size, 2)
    for grids, shape in zip(taps, shapes, strict=True):
        found = np.asarray(coverage(rows, grids, shape[1:3]))
        assert found.max(axis=(1, 2)).min() > 0
        ones = np.ones((1, size, size), np.float32)
        assert (np.asarray(coverage(ones, grids, shape[1:3])) == 1).all()
        np.testing.assert_allclose(found.sum(axis=0), 1, rtol=1e-6)


def test_coverage_is_the_mean_over_a_square_around_the_center():
    # AlexNet's first convolution: windows of 11 from -2, centers 3, 7, 11.
    grid = Grid(4, -2, 8)
    mask = np.zeros((1, 16, 1), np.float32)
    mask[0, 9] = 1
    one = Grid(), (3, 1)
    found = np.asarray(coverage(mask, (grid, one[0]), one[1]))[0, :, 0]
    # Cells from -0.5 to 5, to 9, and to 15.5: pixel 9 is from 8.5 to 9.5.
    np.testing.assert_allclose(found, [0, 0.5 / 4, 0.5 / 6.5])


@pytest.mark.parametrize(
    ("net", "version"),
    [("alex", "0.1"), ("alex", "0.0"), ("alex", "st"), ("squeeze", "0.1")],
)
def test_a_mask_of_ones_gives_lpips_to_the_digit(backbone, pair, net, version):
    layer = LPIPS(backbone(net, version), version, value_range=(0, 1))
    for ones in (np.ones((2, 48, 53), bool), np.ones((2, 48, 53), np.int32)):
        np.testing.assert_array_equal(layer(*pair, mask=ones), layer(*pair))


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
@pytest.mark.parametrize("compiled", [False, True, "xla"])
def test_nothing_outside_changes_the_value(backbone, pair, policy, compiled):
    layer = LPIPS(backbone("alex"), value_range=(0, 1), dtype=policy)
    compare = layer
    if compiled:
        compare = tf.function(layer, jit_compile=compiled == "xla")
    reference, distorted = pair
    mask = region()
    expected = np.asarray(compare(reference, distorted, mask=mask))
    assert (expected > 0).all()
    for other in (0.5, np.nan, np.inf, 1 - distorted):
        changed = np.where(mask[..., None], distorted, other)
        changed = changed.astype(np.float32)
        found = compare(reference, changed, mask=mask)
        np.testing.assert_array_equal(found, expected)
    # The reference outside is context.
    changed = np.where(mask[..., None], reference, 0.5).astype(np.float32)
    found = np.asarray(compare(changed, distorted, mask=mask))
    assert (found != expected).all()


def test_integer_images_are_blended_after_scaling(backbone, pair, layer):
    bytes_ = [np.uint8(images * 255) for images in pair]
    scaled = [images / np.float32(255) for images in bytes_]
    integer = LPIPS(backbone("alex"), value_range=(0, 255))
    found = integer(*bytes_, mask=region())
    np.testing.assert_allclose(found, layer(*scaled, mask=region()), rtol=1e-5)


def test_the_value_is_that_of_the_definition(pair, layer):
    reference, distorted = pair
    weights = region() * np.float32(0.5)
    weights[:, 20:, :] *= 2
    blend = weights[..., None]
    blended = blend * distorted + (1 - blend) * reference
    maps = layer.tap_maps(reference, blended)
    expected = sum(
        np.sum(np.asarray(tap) * covered, axis=(1, 2))
        / np.sum(covered, axis=(1, 2))
        for tap, covered in zip(
            maps, map(np.asarray, layer.coverage(weights, maps)), strict=True
        )
    )
    found = layer(reference, distorted, mask=weights)
    np.testing.assert_allclose(found, expected, rtol=2e-5)
    shares = layer.per_layer(reference, distorted, mask=weights)
    np.testing.assert_allclose(np.sum(shares, axis=1), expected, rtol=2e-5)
    heat = layer.spatial_map(reference, distorted, mask=weights)
    np.testing.assert_allclose(
        heat, layer.spatial_map(reference, blended), rtol=1e-3, atol=1e-5
    )
    both = layer.with_spatial_map(reference, distorted, mask=weights)
    np.testing.assert_allclose(both[0], found, rtol=1e-6)
    np.testing.assert_allclose(both[1], heat, rtol=1e-6)


def test_the_map_is_zero_where_no_pixel_inside_is_seen(layer):
    reference, distorted = random_images(2, 400, 40, seed=3)[:, None]
    mask = np.zeros((1, 400, 40), bool)
    mask[:, :20] = True
    heat = np.asarray(layer.spatial_map(reference, distorted, mask=mask))
    assert heat[:, :20].min() > 0
    assert (heat[:, 300:] == 0).all()


@pytest.mark.parametrize("weight", [1, 1e-30])
@pytest.mark.parametrize("name", ["alex", "alex@st", "squeeze"])
def test_a_mask_of_one_pixel_has_a_distance(backbone, name, weight):
    net, _, version = name.partition("@")
    version = version or "0.1"
    layer = LPIPS(backbone(net, version), version, value_range=(0, 1))
    # Sizes at which the nets see the last rows and columns.
    height, width = 33, 35
    places = [(y, x) for y in (0, 1, 31, 32) for x in (0, 2, 33, 34)]
    mask = np.zeros((len(places), height, width), np.float32)
    for number, (y, x) in enumerate(places):
        mask[number, y, x] = weight
    black = np.zeros((len(places), height, width, 3), np.float32)
    shares = np.asarray(layer.per_layer(black, 1 - black, mask=mask))
    assert np.isfinite(shares).all()
    if weight == 1:
        assert (shares.sum(axis=1) > 0).all()


def test_gradients_reach_pixels_inside_only(pair, layer):
    reference, distorted = map(tf.constant, pair)
    mask = region()
    with tf.GradientTape() as tape:
        tape.watch(distorted)
        total = tf.reduce_sum(layer(reference, distorted, mask=mask))
    gradient = np.asarray(tape.gradient(total, distorted))
    assert np.isfinite(gradient).all()
    assert (gradient[~mask] == 0).all()
    assert (np.abs(gradient).sum(axis=-1)[mask] > 0).all()


BAD_MASKS = [
    (np.zeros((2, 48, 53), bool), RULE),
    (region() * np.arange(2)[:, None, None], RULE),
    (region() * 1.5, RULE),
    (region() * np.float32(np.nan), RULE),
    (np.uint8(region()) * 255, RULE),
    (region() * -0.5, RULE),
    (region()[..., None], "must be .batch, height, width."),
    (region()[:, :40], "must be .batch, height, width."),
    (region()[:1], "must be .batch, height, width."),
    (region() * 1j, "complex"),
]


@pytest.mark.parametrize(("mask", "message"), BAD_MASKS)
def test_an_invalid_mask_is_an_error(pair, layer, mask, message):
    with pytest.raises(ImageError, match=message):
        layer(*pair, mask=mask)


def test_a_graph_checks_masks_and_xla_gives_nan(pair, layer):
    images = tf.TensorSpec((None, None, None, 3))
    masks = tf.TensorSpec((None, None, None))
    compare = tf.function(layer, input_signature=(images, images, masks))
    found = compare(*pair, region().astype(np.float32))
    np.testing.assert_allclose(found, layer(*pair, mask=region()), rtol=1e-5)
    empty = np.zeros((2, 48, 53), np.float32)
    with pytest.raises(tf.errors.InvalidArgumentError, match=RULE):
        compare(*pair, empty)
    with pytest.raises(tf.errors.InvalidArgumentError, match="the size of"):
        compare(*pair, empty[:, :, :40] + 1)
    compiled = tf.function(layer, jit_compile=True)
    empty[1] = 1
    found = np.asarray(compiled(*pair, tf.constant(empty)))
    assert np.isnan(found).tolist() == [True, False]


def test_a_model_with_a_mask_can_be_saved(pair, layer, tmp_path):
    inputs = [keras.Input((None, None, 3)), keras.Input((None, None, 3))]
    mask = keras.Input((None, None), dtype="bool")
    model = keras.Model([*inputs, mask], layer(*inputs, mask=mask))
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    found = loaded([*pair, region()])
    np.testing.assert_allclose(found, layer(*pair, mask=region()), rtol=1e-6)


def test_a_backbone_of_unknown_layers_takes_no_mask(pair):
    image = keras.Input((None, None, 3))
    blurred = keras.layers.AveragePooling2D(2, name="mean")(image)
    own = LPIPS(keras.Model(image, blurred), calibrated=False, taps=["mean"])
    assert own(*pair).shape == (2,)
    with pytest.raises(ValueError, match="can be tiled or masked"):
        own(*pair, mask=region())
