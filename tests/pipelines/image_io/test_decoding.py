"""Decoding: the package's own pixels, whichever decoder gives them."""

import io
import struct
import tracemalloc
import zlib

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


def test_animations_are_rejected():
    frames = [Image.fromarray(PHOTO), Image.fromarray(PHOTO[::-1])]
    file = io.BytesIO()
    frames[0].save(file, "PNG", save_all=True, append_images=frames[1:])
    with pytest.raises(ImageError, match="has 2 frames"):
        decode(file.getvalue(), "x")


@pytest.mark.parametrize("keep", [0, 7, 20, 33, 60, 3000, -2000, -40])
def test_a_cut_file_is_rejected_as_the_package_does(keep):
    cut = encoded()[:keep]
    with pytest.raises(ImageError) as theirs:
        decode_image(cut, "a b.png")
    with pytest.raises(ImageError) as ours:
        decode(cut, "a b.png")
    assert str(ours.value) == str(theirs.value)


def test_a_bomb_is_rejected_from_its_head():
    file = bytearray(encoded())
    file[16:24] = b"\0\0\xff\xff" * 2
    assert not is_plain_png(bytes(file))
    with pytest.raises(ImageError):
        decode(bytes(file), "x")


def flip_a_bit(file, generator):
    file = bytearray(file)
    file[generator.integers(26, len(file))] ^= 1 << generator.integers(8)
    return bytes(file)


def with_rows(change):
    """Makes files whose compressed rows changed, with right checksums."""

    def make(file, generator):
        head, (_, rows), end = chunks_of(file)
        return file[:8] + b"".join(
            map(chunk, [head, (b"IDAT", change(rows, generator)), end])
        )

    return make


def chunks_of(file):
    at = 8
    while at < len(file):
        length, name = struct.unpack_from(">I4s", file, at)
        yield name, file[at + 8 : at + 8 + length]
        at += length + 12


def chunk(named):
    name, content = named
    checksum = zlib.crc32(name + content)
    length = struct.pack(">I", len(content))
    return length + name + content + struct.pack(">I", checksum)


def flip_in_rows(rows, generator):
    rows = bytearray(rows)
    rows[generator.integers(len(rows))] ^= 1 << generator.integers(8)
    return bytes(rows)


def wrong_checksum(rows, generator):
    return rows[:-4] + generator.bytes(4)


def fewer_rows(rows, generator):
    whole = zlib.decompress(rows)
    return zlib.compress(whole[: generator.integers(len(whole))])


def more_rows(rows, generator):
    return zlib.compress(zlib.decompress(rows) + generator.bytes(99))


def cut_rows(rows, generator):
    return rows[: -int(generator.integers(1, 9))]


@pytest.mark.parametrize(
    ("damage", "refused"),
    [
        (flip_a_bit, True),
        (with_rows(flip_in_rows), True),
        (with_rows(wrong_checksum), True),
        (with_rows(fewer_rows), True),
        (with_rows(more_rows), False),
        (with_rows(cut_rows), None),
    ],
    ids=["bit", "rows", "checksum", "fewer", "more", "cut"],
)
def test_a_damaged_file_is_read_or_rejected_as_the_package_does(
    damage, refused
):
    generator = np.random.default_rng(0)
    seen = set()
    for _ in range(150):
        file = damage(encoded(), generator)
        try:
            theirs = decode_image(file, "x")
        except ImageError as error:
            seen.add(True)
            with pytest.raises(ImageError) as ours:
                decode(file, "x")
            assert str(ours.value) == str(error)
        else:
            seen.add(False)
            np.testing.assert_array_equal(decode(file, "x"), theirs)
    assert refused is None or refused in seen


def test_rows_beyond_the_last_are_not_unpacked():
    make = with_rows(lambda rows, _: zlib.compress(bytes(1 << 26)))
    bomb = make(encoded(), None)
    tracemalloc.start()
    assert not is_plain_png(bomb)
    assert tracemalloc.get_traced_memory()[1] < 1 << 24
    tracemalloc.stop()


def test_more_pixels_than_allowed_are_rejected():
    with pytest.raises(ImageError, match="more than 3,049 pixels"):
        decode(encoded(), "x", max_pixels=3049)
    assert decode(encoded(), "x", max_pixels=3050).shape == PHOTO.shape
