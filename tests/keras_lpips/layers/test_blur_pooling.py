import numpy as np
import pytest

from keras_lpips.layers.blur_pooling import BlurPool2D

KERNEL = np.outer((1, 2, 1), (1, 2, 1)) / 16


def blur(image):
    """The definition, window by window."""
    padded = np.pad(image, ((2, 2), (2, 2), (0, 0)), "reflect")
    rows, columns = (range(0, n - 2, 2) for n in padded.shape[:2])
    return np.array(
        [
            [
                np.einsum("ij,ijc", KERNEL, padded[i : i + 3, j : j + 3])
                for j in columns
            ]
            for i in rows
        ]
    )


@pytest.mark.parametrize("size", [(3, 3), (8, 9), (9, 8), (4, 17)])
def test_windows_are_weighted_sums_of_the_reflected_image(size):
    image = np.random.default_rng(0).normal(size=(*size, 2)).astype("float32")
    layer = BlurPool2D()
    found = np.array(layer(image[None]))
    assert found.shape == layer.compute_output_shape((1, *size, 2))
    np.testing.assert_allclose(found[0], blur(image), atol=1e-6)
    # Windows centre on pixels -1 and 1.
    np.testing.assert_allclose(found[:, 0], found[:, 1], atol=1e-6)
    if size[0] % 2:
        np.testing.assert_allclose(found[:, -1], found[:, -2], atol=1e-6)


def test_unknown_sizes_stay_unknown():
    shape = BlurPool2D().compute_output_shape((None, None, 7, 2))
    assert shape == (None, None, 5, 2)


def test_two_pixels_are_an_error():
    with pytest.raises(ValueError, match="at least 3 x 3 pixels"):
        BlurPool2D()(np.zeros((1, 2, 9, 1), np.float32))


def test_the_layer_is_re_created_from_its_config():
    layer = BlurPool2D(name="blur1", dtype="float64")
    again = BlurPool2D.from_config(layer.get_config())
    assert (again.name, again.compute_dtype) == ("blur1", "float64")
