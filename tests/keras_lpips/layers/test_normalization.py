"""Scaling of images and normalization of features."""

import numpy as np
from keras import ops

from keras_lpips.layers.normalization import (
    NORM_EPSILON,
    norm_epsilon,
    scale_images,
    to_signed_unit,
    unit_normalize,
)


def test_bytes_are_scaled_alike_as_array_and_as_tensor():
    pixels = np.arange(256, dtype=np.uint8)
    found = to_signed_unit(pixels)
    assert found.dtype == np.float32
    expected = pixels.astype(np.float32) / np.float32(127.5) - 1
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(
        ops.convert_to_numpy(to_signed_unit(ops.convert_to_tensor(pixels))),
        expected,
    )
    assert found[0] == -1 and found[-1] == 1


def test_the_layer_scales_bytes_in_the_same_way():
    generator = np.random.default_rng(0)
    pixels = generator.integers(0, 256, (1, 4, 5, 3)).astype(np.uint8)
    np.testing.assert_array_equal(
        ops.convert_to_numpy(scale_images(pixels, (0.0, 255.0), "0.0")),
        to_signed_unit(pixels),
    )


def test_an_unusable_image_makes_its_own_features_nan():
    images = np.zeros((3, 2, 2, 3), np.float32)
    images[1, 0, 0, 0] = np.nan
    images[2, 0, 0, 0] = np.inf
    epsilon = ops.convert_to_numpy(norm_epsilon(images))
    assert epsilon.shape == (3, 1, 1, 1)
    assert epsilon[0] == np.float32(NORM_EPSILON)
    assert np.isnan(epsilon[1:]).all()
    features = np.random.default_rng(0).normal(size=(3, 2, 2, 4))
    features = features.astype(np.float32)
    unit = ops.convert_to_numpy(unit_normalize(features, epsilon=epsilon))
    expected = ops.convert_to_numpy(unit_normalize(features))
    np.testing.assert_array_equal(unit[0], expected[0])
    assert np.isnan(unit[1:]).all()
