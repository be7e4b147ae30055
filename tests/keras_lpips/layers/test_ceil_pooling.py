"""The ceil-mode pool against windows taken one by one."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_lpips.layers.ceil_pooling import CeilMaxPooling2D


def pool_by_hand(features):
    """Windows of 3 at steps of 2; the last is cut at the edge."""
    _, height, width, _ = features.shape
    rows = [
        [
            features[:, i : i + 3, j : j + 3].max((1, 2))
            for j in range(0, width - 1, 2)
        ]
        for i in range(0, height - 1, 2)
    ]
    return np.stack([np.stack(row, 1) for row in rows], 1)


@pytest.mark.parametrize("size", [(2, 2), (3, 3), (7, 9), (8, 6), (8, 9)])
def test_windows_reach_past_the_edge(size):
    random = np.random.default_rng(0)
    features = random.uniform(0, 1, (2, *size, 3)).astype(np.float32)
    pool = CeilMaxPooling2D()
    pooled = pool(features)
    np.testing.assert_array_equal(pooled, pool_by_hand(features))
    assert pooled.shape == pool.compute_output_shape(features.shape)


@pytest.mark.parametrize("size", [(7, 9), (8, 6), (8, 9)])
def test_a_size_that_is_not_known_gives_the_same(size):
    random = np.random.default_rng(0)
    features = random.uniform(0, 1, (2, *size, 3)).astype(np.float32)
    signature = [tf.TensorSpec((None, None, None, 3), tf.float32)]
    pool = tf.function(CeilMaxPooling2D(), input_signature=signature)
    np.testing.assert_array_equal(pool(features), pool_by_hand(features))


def test_one_row_is_too_few():
    with pytest.raises(ValueError, match="2 x 2 pixels"):
        CeilMaxPooling2D()(np.zeros((1, 1, 5, 2), np.float32))


def test_a_pool_of_a_dtype_policy_can_be_copied():
    policy = keras.DTypePolicy("mixed_bfloat16")
    pool = CeilMaxPooling2D(name="pool", dtype=policy)
    copy = CeilMaxPooling2D.from_config(pool.get_config())
    assert (copy.name, copy.dtype_policy) == ("pool", policy)
