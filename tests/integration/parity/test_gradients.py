"""The gradient to the image: the reference's where it is a number."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_lpips import LPIPS


@pytest.mark.parametrize("size", [(31, 31), (64, 64), (47, 62)], ids=str)
def test_the_gradient_equals_the_reference(
    net, variant, size, make_twins, draw_pair, agree
):
    twins = make_twins(net, variant)
    pair = draw_pair((4, *size, 3))
    theirs = twins.theirs("gradient", *pair)
    ours = gradient_of_ours(twins.ours, *pair)
    # Where rounding tips a ReLU or a pool to its other side, in either of the
    # two, the gradient changes at all pixels that it sees.
    half = {"share": 0.5, "relative": True}
    agree("gradient, half of the pixels", net, ours, theirs, **half)
    tipped = {"tolerance": 0.02, "relative": True}
    agree("gradient, all pixels", net, ours, theirs, **tipped)


def test_the_gradient_of_identical_images_is_zero_in_both(
    net, make_twins, draw_pair
):
    twins = make_twins(net, "v0.1")
    image, _ = draw_pair((1, 64, 64, 3))
    theirs = twins.theirs("gradient", image, image)
    np.testing.assert_array_equal(theirs, 0)
    ours = gradient_of_ours(twins.ours, image, image)
    np.testing.assert_array_equal(ours, 0)


def test_with_half_of_the_image_dead_the_gradient_equals_the_reference(
    net, make_twins, draw_pair, agree
):
    # Without biases and without the shift, an image of zeros has no feature.
    twins = make_twins(net, "v0.0", bias=0.0)
    reference, distorted = draw_pair((1, 100, 200, 3))
    reference[:, :, :100] = 0
    distorted[:, :, 50:100] = 0
    pair = reference, distorted
    theirs = twins.theirs("gradient", *pair)
    ours = gradient_of_ours(twins.ours, *pair)
    half = {"share": 0.5, "relative": True}
    stage = "gradient beside dead pixels, half of them"
    agree(stage, net, ours, theirs, **half)


def test_a_dead_feature_has_a_gradient_where_the_reference_has_none(
    reference,
):
    # The reference's own backbones hide this: their ReLUs pass no gradient, not
    # even NaN, to a feature of 0. A backbone that ends otherwise does not.
    assert np.isnan(reference.call("gradient_of_normalized_zeros")).all()
    image = keras.Input((None, None, 3))
    backbone = keras.Model(image, keras.layers.Identity(name="tap")(image))
    ours = LPIPS(backbone, "0.0", calibrated=False, taps=["tap"])
    dead = np.zeros((1, 2, 2, 3), "float32")
    assert np.isfinite(gradient_of_ours(ours, dead, dead)).all()
    assert np.isfinite(gradient_of_ours(ours, dead + 1, dead)).all()


def gradient_of_ours(lpips, reference, distorted):
    distorted = tf.constant(distorted)
    with tf.GradientTape() as tape:
        tape.watch(distorted)
        total = tf.reduce_sum(lpips(reference, distorted))
    return tape.gradient(total, distorted).numpy()
