import keras
import numpy as np
import pytest
from keras import layers

from keras_lpips.backbones.receptive_field import Grid, tap_grids
from keras_lpips.backbones.registry import BACKBONES, build_backbone


def spread_evenly(backbone):
    """Makes every output the mean of what it sees."""
    for layer in backbone.layers:
        if isinstance(layer, layers.Conv2D):
            kernel, bias = layer.weights
            fan_in = np.prod(kernel.shape[:3])
            kernel.assign(np.full(kernel.shape, 1 / fan_in))
            bias.assign(np.zeros(bias.shape))


def assert_taps_see(backbone, size, pixel, at_border=False):
    """A bright pixel must reach what is said to see it, and nothing else.

    Near the border there is padding where others would have seen it, or a
    reflection of it where they would not.
    """
    image = np.zeros((1, *size, 3), np.float32)
    image[(0, *pixel)] = 1
    taps = backbone(image)
    for tap, grids in zip(taps, tap_grids(backbone), strict=True):
        more = [grid.reflected if at_border else 0 for grid in grids]
        bright = keras.ops.convert_to_numpy(tap)[0].sum(-1) > 0
        expected = [
            [
                grid.first - more[axis]
                <= pixel[axis] - i * grid.stride
                <= grid.last + more[axis]
                for i in range(bright.shape[axis])
            ]
            for axis, grid in enumerate(grids)
        ]
        expected = np.outer(*expected)
        assert bright.any()
        assert not (bright & ~expected).any()
        assert at_border or not (expected & ~bright).any()


@pytest.mark.parametrize(
    ("net", "version"),
    [(net, "0.1") for net in BACKBONES] + [("alex", "st"), ("vgg", "st")],
)
def test_taps_see_what_is_reported_and_nothing_else(net, version):
    backbone = build_backbone(net, "float32", seed=0, version=version)
    spread_evenly(backbone)
    # Even and odd sizes, at which the ceiling of a pool acts and does not.
    for size, pixel in (((331, 300), (164, 150)), ((302, 303), (151, 157))):
        assert_taps_see(backbone, size, pixel)
    for size, pixel in (((100, 131), (0, 126)), ((98, 97), (90, 33))):
        assert_taps_see(backbone, size, pixel, at_border=True)


def test_axes_may_differ():
    image = keras.Input((None, None, 3))
    wide = layers.Conv2D(2, (3, 5), (1, 2), padding="valid")(image)
    spread = layers.Conv2D(
        2, (2, 3), dilation_rate=(1, 2), padding="same", name="spread"
    )(layers.ZeroPadding2D(((1, 0), (0, 2)))(wide))
    joined = layers.Concatenate()([spread, layers.Conv2D(1, 1)(spread)])
    backbone = keras.Model(image, [wide, joined])
    assert tap_grids(backbone)[0] == (Grid(1, 0, 2), Grid(2, 0, 4))
    spread_evenly(backbone)
    for pixel in ((9, 11), (10, 20)):
        assert_taps_see(backbone, (30, 41), pixel)
    assert_taps_see(backbone, (30, 41), (0, 0), at_border=True)


@pytest.mark.parametrize(
    "layer",
    [
        layers.Conv2D(2, 3, strides=2, padding="same", name="odd"),
        layers.MaxPooling2D(3, 2, padding="same", name="odd"),
        layers.BatchNormalization(name="odd"),
        layers.Conv2DTranspose(2, 3, name="odd"),
    ],
)
def test_what_cannot_be_tiled_is_named(layer):
    image = keras.Input((None, None, 3))
    backbone = keras.Model(image, [layer(image)])
    with pytest.raises(ValueError, match=rf"'odd', a {type(layer).__name__}"):
        tap_grids(backbone)
