"""Bilinear upsampling against Keras's own resize and by hand."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_lpips.layers.upsampling import upsample


@pytest.mark.parametrize("size", [(7, 9), (64, 64), (63, 31), (5, 6)])
def test_it_is_a_bilinear_resize_without_antialiasing(size):
    maps = np.random.default_rng(0).uniform(0, 1, (2, 5, 6)).astype(np.float32)
    expected = keras.ops.image.resize(
        maps[..., None], size, data_format="channels_last"
    )[..., 0]
    np.testing.assert_allclose(upsample(maps, *size), expected, atol=1e-6)


def test_two_pixels_doubled_by_hand():
    row = np.array([[[0.0, 1.0]]], np.float32)
    expected = [[[0, 0.25, 0.75, 1]]]
    np.testing.assert_allclose(upsample(row, 1, 4), expected, atol=1e-7)


def test_a_size_known_only_when_the_graph_runs():
    run = tf.function(
        upsample,
        input_signature=[
            tf.TensorSpec((None, None, None)),
            tf.TensorSpec((), tf.int32),
            tf.TensorSpec((), tf.int32),
        ],
    )
    maps = np.random.default_rng(1).uniform(0, 1, (1, 3, 4)).astype(np.float32)
    np.testing.assert_allclose(
        run(maps, 10, 11), upsample(maps, 10, 11), atol=1e-7
    )
