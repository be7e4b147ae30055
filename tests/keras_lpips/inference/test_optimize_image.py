import keras
import numpy as np

from keras_lpips.inference.optimize_image import optimize_image


def test_the_distance_falls_and_pixels_stay_in_their_range(photo, backbone):
    start = np.random.default_rng(0).integers(0, 256, photo.shape, np.uint8)
    seen = []
    net = (backbone("alex"), "0.1", True)
    image, curve = optimize_image(photo, start, net, range(4), 0.1, seen.append)
    assert image.dtype == np.uint8 and image.shape == photo.shape
    assert len(curve) == 5 and curve[:4] == seen and curve[-1] < curve[0]


def test_the_constraint_is_one_that_all_versions_of_keras_take():
    """Keras 3.7 to 3.12 refuse a plain function."""
    from keras_lpips.inference.optimize_image import Clip

    clip = keras.constraints.get(Clip())
    assert isinstance(clip, keras.constraints.Constraint)
    values = np.asarray(clip(np.float32([-2, -0.5, 0.5, 2])))
    np.testing.assert_array_equal(values, [-1, -0.5, 0.5, 1])
