"""Decoding: the package's own pixels, whichever decoder gives them."""

import io

import numpy as np
import pytest
from PIL import Image, PngImagePlugin
from skimage import data

from keras_lpips import ImageError
from keras_lpips.images.reader import decode_image
from pipelines.image_io.decoding import decode, is_plain_png

PHOTO = data.chelsea()[:61, :50]


def encoded(mode="RGB", kind="PNG", **options):
    file = io.BytesIO()
    Image.fromarray(PHOTO).convert(mode).save(file, kind, **options)
    return file.getvalue()


def turned():
    exif = Image.Exif()
    exif[0x0112] = 6
    return encoded(exif=exif)


def turned_by_text():
    texts = PngImagePlugin.PngInfo()
    texts.add_itxt(
        "XML:com.adobe.xmp", '<x xmlns:tiff="t" tiff:Orientation="6"/>'
    )
    return encoded(pnginfo=texts)


def with_text():
    texts = PngImagePlugin.PngInfo()
    texts.add_text("Software", "another")
    return encoded(pnginfo=texts)


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
        (turned_by_text(), False),
        (with_text(), True),
    ],
)
def test_pixels_are_those_of_the_package(file, plain):
    assert is_plain_png(file) == plain
    pixels = decode(file, "x")
    assert pixels.dtype == np.uint8
    np.testing.assert_array_equal(pixels, decode_image(file, "x"))
    resized = decode(file, "x", (20, 30))
    np.testing.assert_array_equal(resized, decode_image(file, "x", (20, 30)))


def test_a_text_can_turn_an_image():
    assert decode(turned_by_text(), "x").shape == (50, 61, 3)


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


def test_a_damaged_file_is_read_or_refused_as_the_package_does():
    generator = np.random.default_rng(0)
    refused = 0
    for _ in range(200):
        file = bytearray(encoded())
        file[generator.integers(26, len(file))] ^= 1 << generator.integers(8)
        try:
            theirs = decode_image(bytes(file), "x")
        except ImageError as error:
            refused += 1
            with pytest.raises(ImageError) as ours:
                decode(bytes(file), "x")
            assert str(ours.value) == str(error)
        else:
            np.testing.assert_array_equal(decode(bytes(file), "x"), theirs)
    assert 0 < refused < 200
