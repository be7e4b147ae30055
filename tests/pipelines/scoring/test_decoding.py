"""Decoding: the package's own pixels, whichever decoder gives them."""

import io

import numpy as np
import pytest
from PIL import Image
from skimage import data

from keras_lpips import ImageError
from keras_lpips.images import decode_image
from pipelines.scoring.decoding import decode, is_plain_png

PHOTO = data.chelsea()[:61, :50]


def encoded(mode="RGB", kind="PNG", **options):
    file = io.BytesIO()
    Image.fromarray(PHOTO).convert(mode).save(file, kind, **options)
    return file.getvalue()


def turned():
    exif = Image.Exif()
    exif[0x0112] = 6
    return encoded(exif=exif)


@pytest.mark.parametrize(
    ("file", "plain"),
    [
        (encoded(), True),
        (encoded(icc_profile=b"x" * 200, dpi=(7, 7)), True),
        (encoded(transparency=(1, 2, 3)), True),
        (encoded("RGBA"), False),
        (encoded("L"), False),
        (encoded("P"), False),
        (encoded("LA"), False),
        (encoded(kind="JPEG"), False),
        (encoded(kind="BMP"), False),
        (turned(), False),
    ],
)
def test_pixels_are_those_of_the_package(file, plain):
    assert is_plain_png(file) == plain
    pixels = decode(file, "x")
    assert pixels.dtype == np.uint8
    np.testing.assert_array_equal(pixels, decode_image(file, "x"))
    resized = decode(file, "x", (20, 30))
    np.testing.assert_array_equal(resized, decode_image(file, "x", (20, 30)))


def test_animations_are_refused():
    frames = [Image.fromarray(PHOTO), Image.fromarray(PHOTO[::-1])]
    file = io.BytesIO()
    frames[0].save(file, "PNG", save_all=True, append_images=frames[1:])
    with pytest.raises(ImageError, match="has 2 frames"):
        decode(file.getvalue(), "x")


@pytest.mark.parametrize("keep", [0, 7, 20, 33, 60, 3000, -2000, -40])
def test_a_cut_file_is_refused_as_the_package_does(keep):
    cut = encoded()[:keep]
    with pytest.raises(ImageError) as theirs:
        decode_image(cut, "a b.png")
    with pytest.raises(ImageError) as ours:
        decode(cut, "a b.png")
    assert str(ours.value) == str(theirs.value)


def test_a_bomb_is_refused_from_its_head():
    file = bytearray(encoded())
    file[16:24] = b"\0\0\xff\xff" * 2
    assert not is_plain_png(bytes(file))
    with pytest.raises(ImageError):
        decode(bytes(file), "x")
