import io

import numpy as np
import pytest
from PIL import Image

from tests.support.fake_bapps import png
from tfds_bapps.source.resize import encode_patch, resized_size
from tfds_bapps.source.validation import read_patch


def pixels(data):
    return np.asarray(Image.open(io.BytesIO(data)))


@pytest.mark.parametrize(
    ("size", "side", "expected"),
    [
        ((252, 252), 64, (64, 64)),
        ((64, 200), 64, (64, 200)),
        ((100, 333), 64, (64, 213)),
        ((333, 100), 64, (213, 64)),
        ((20, 30), 64, (64, 96)),
        ((17, 19), None, (17, 19)),
    ],
)
def test_the_shorter_side_is_resized_and_the_longer_rounded_down(
    size, side, expected
):
    assert resized_size(size, side) == expected


def test_a_patch_that_needs_no_change_keeps_its_file():
    data = png(size=(64, 70))
    assert encode_patch(read_patch(data), data, None) is data
    assert encode_patch(read_patch(data), data, 64) is data


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "LA"])
@pytest.mark.parametrize("size", [(64, 64), (100, 80), (33, 40)])
def test_stored_pixels_are_those_of_pil(mode, size):
    data = png(size=size, mode=mode)
    image = Image.open(io.BytesIO(data)).convert("RGB")
    native = encode_patch(read_patch(data), data, None)
    np.testing.assert_array_equal(pixels(native), np.asarray(image))
    small = encode_patch(read_patch(data), data, 64)
    expected = image.resize(resized_size(size, 64), Image.Resampling.BILINEAR)
    np.testing.assert_array_equal(pixels(small), np.asarray(expected))


def test_a_palette_with_transparency_becomes_rgb():
    file = io.BytesIO()
    image = Image.open(io.BytesIO(png())).quantize(4)
    image.save(file, "PNG", transparency=1)
    data = file.getvalue()
    stored = encode_patch(read_patch(data), data, None)
    expected = np.asarray(image.convert("RGB"))
    np.testing.assert_array_equal(pixels(stored), expected)
