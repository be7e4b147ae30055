import os
import struct
import zlib

import numpy as np
import pytest
import tifffile
from PIL import Image

from keras_lpips import ImageError
from keras_lpips.images.formats import FORMATS
from keras_lpips.images.reader import (
    LOSSLESS,
    decode_image,
    list_images,
    load_image,
    load_pair,
    read_size,
    write_image,
)

# What EXIF's orientations ask for, as functions of the stored pixels.
ORIENTATIONS = {
    1: lambda x: x,
    2: lambda x: x[:, ::-1],
    3: lambda x: x[::-1, ::-1],
    4: lambda x: x[::-1],
    5: lambda x: x.swapaxes(0, 1),
    6: lambda x: np.rot90(x, -1),
    7: lambda x: x[::-1, ::-1].swapaxes(0, 1),
    8: lambda x: np.rot90(x),
}


@pytest.fixture
def gray(photo):
    return np.asarray(Image.fromarray(photo).convert("L"))


def three_channels(gray):
    return np.repeat(gray[..., None], 3, axis=-1)


def save_png_16(path, pixels, color_type):
    """Writes 16 bits per channel, which Pillow does for gray only."""

    def chunk(name, data):
        crc = zlib.crc32(name + data)
        return struct.pack(">I", len(data)) + name + data + crc.to_bytes(4)

    height, width = pixels.shape[:2]
    head = struct.pack(">IIBBBBB", width, height, 16, color_type, 0, 0, 0)
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in pixels)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("suffix", ["png", "bmp", "tif", "tiff", "ppm"])
def test_formats_without_loss_give_the_pixels(tmp_path, photo, suffix):
    path = tmp_path / f"photo.{suffix}"
    Image.fromarray(photo).save(path)
    np.testing.assert_array_equal(load_image(path), photo)
    assert load_image(path).dtype == np.uint8
    assert read_size(path) == (64, 96)


@pytest.mark.parametrize("suffix", ["jpg", "jpeg", "webp", "gif"])
def test_formats_with_loss_come_close(tmp_path, photo, suffix):
    path = tmp_path / f"photo.{suffix}"
    Image.fromarray(photo).save(path)
    difference = load_image(path).astype(float) - photo
    assert 0 < np.abs(difference).mean() < 8


@pytest.mark.parametrize("suffix", ["png", "tif", "bmp"])
def test_gray_is_repeated(tmp_path, gray, suffix):
    path = tmp_path / f"gray.{suffix}"
    Image.fromarray(gray).save(path)
    np.testing.assert_array_equal(load_image(path), three_channels(gray))


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_the_higher_byte_of_16_bit_gray_is_kept(tmp_path, gray, suffix):
    path = tmp_path / f"gray.{suffix}"
    pixels = gray.astype(np.uint16) * 256 + 255
    Image.fromarray(pixels).save(path)
    np.testing.assert_array_equal(load_image(path), three_channels(gray))


@pytest.mark.parametrize("byte_order", ["<", ">"])
def test_16_bit_tiffs_of_either_byte_order_are_read(
    tmp_path, photo, gray, byte_order
):
    path = tmp_path / "image.tif"
    for pixels, kind in ((photo, "rgb"), (gray, "minisblack")):
        wide = pixels.astype(np.uint16) * 256 + 17
        tifffile.imwrite(path, wide, byteorder=byte_order, photometric=kind)
        expected = pixels if kind == "rgb" else three_channels(pixels)
        np.testing.assert_array_equal(load_image(path), expected)


def test_16_bit_png_of_every_color_type_is_read(tmp_path, photo, gray):
    path = tmp_path / "image.png"
    alpha = np.zeros((*gray.shape, 1), np.uint16)
    wide = photo.astype(np.uint16) * 256 + 17
    wide_gray = gray[..., None].astype(np.uint16) * 256 + 17
    for color_type, pixels, expected in (
        (2, wide, photo),
        (6, np.concatenate([wide, alpha], -1), photo),
        (0, wide_gray, three_channels(gray)),
        (4, np.concatenate([wide_gray, alpha], -1), three_channels(gray)),
    ):
        save_png_16(path, pixels, color_type)
        np.testing.assert_array_equal(load_image(path), expected)


@pytest.mark.parametrize("suffix", ["png", "tif", "webp"])
def test_alpha_is_dropped_and_the_pixels_under_it_count(
    tmp_path, photo, suffix
):
    path = tmp_path / f"image.{suffix}"
    transparent = np.zeros((64, 96, 1), np.uint8)
    options = {"lossless": True, "exact": True} if suffix == "webp" else {}
    image = Image.fromarray(np.concatenate([photo, transparent], -1))
    image.save(path, **options)
    np.testing.assert_array_equal(load_image(path), photo)


def test_gray_with_alpha_is_gray(tmp_path, gray):
    path = tmp_path / "image.png"
    Image.fromarray(np.stack([gray, gray // 2], -1)).save(path)
    np.testing.assert_array_equal(load_image(path), three_channels(gray))


@pytest.mark.parametrize("transparency", [None, 3, bytes(range(200))])
def test_palettes_are_looked_up_whatever_is_transparent(
    tmp_path, photo, transparency
):
    path = tmp_path / "image.png"
    image = Image.fromarray(photo).quantize(200)
    options = {} if transparency is None else {"transparency": transparency}
    image.save(path, **options)
    expected = np.asarray(image.convert("RGB"))
    np.testing.assert_array_equal(load_image(path), expected)


def test_one_bit_is_black_and_white(tmp_path, photo):
    for suffix in ("png", "tif", "bmp"):
        path = tmp_path / f"image.{suffix}"
        image = Image.fromarray(photo).convert("1")
        image.save(path)
        expected = three_channels(np.asarray(image).astype(np.uint8) * 255)
        np.testing.assert_array_equal(load_image(path), expected)


def test_cmyk_jpegs_are_not_negatives(tmp_path, photo):
    path = tmp_path / "image.jpg"
    Image.fromarray(photo).convert("CMYK").save(path, quality=95)
    assert np.abs(load_image(path).astype(float) - photo).mean() < 5


@pytest.mark.parametrize("suffix", ["png", "tif", "webp", "jpg"])
@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_exif_orientation_is_applied_and_known_from_the_head(
    tmp_path, photo, suffix, orientation
):
    path = tmp_path / f"image.{suffix}"
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"webp": {"lossless": True}, "jpg": {"quality": 95}}
    image = Image.fromarray(photo)
    image.save(path, exif=exif, **options.get(suffix, {}))
    found = load_image(path)
    expected = ORIENTATIONS[orientation](photo)
    assert found.shape == expected.shape
    limit = 4 if suffix == "jpg" else 0
    assert np.abs(found.astype(float) - expected).mean() <= limit
    assert read_size(path) == expected.shape[:2]


def test_an_orientation_that_does_not_exist_is_no_orientation(tmp_path, photo):
    path = tmp_path / "image.png"
    exif = Image.Exif()
    exif[0x0112] = 9
    Image.fromarray(photo).save(path, exif=exif)
    np.testing.assert_array_equal(load_image(path), photo)
    assert read_size(path) == (64, 96)


def test_of_a_photograph_with_a_preview_the_photograph_is_read(tmp_path, photo):
    path = tmp_path / "image.jpg"
    image = Image.fromarray(photo)
    preview = image.resize((12, 8))
    image.save(path, "MPO", save_all=True, append_images=[preview])
    assert load_image(path).shape == photo.shape


def test_pil_images_are_read_like_their_files(tmp_path, photo, gray):
    np.testing.assert_array_equal(load_image(Image.fromarray(photo)), photo)
    for mode in ("RGBA", "P", "CMYK", "LA", "1"):
        path = tmp_path / "image.tif"
        image = Image.fromarray(photo).convert(mode)
        image.save(path)
        np.testing.assert_array_equal(load_image(image), load_image(path))


def test_bytes_are_read_like_their_file(tmp_path, photo):
    path = tmp_path / "image.png"
    Image.fromarray(photo).save(path)
    data = path.read_bytes()
    np.testing.assert_array_equal(decode_image(data, "x"), photo)
    assert decode_image(data, "x", (20, 30)).shape == (20, 30, 3)
    with pytest.raises(ImageError, match="a b.png cannot be"):
        decode_image(data[:-500], "a b.png")


def test_resize_is_height_and_width_and_pillows_bilinear_filter(photo):
    image = Image.fromarray(photo)
    expected = np.asarray(image.resize((30, 20), Image.Resampling.BILINEAR))
    np.testing.assert_array_equal(load_image(image, (20, 30)), expected)


@pytest.mark.parametrize(
    "resize", [64, (64,), (0, 8), (8.5, 8), "8x8", (8, -1)]
)
def test_an_invalid_resize_is_an_error(photo, resize):
    with pytest.raises(ImageError, match="`resize` must be .height, width."):
        load_image(Image.fromarray(photo), resize)


def test_sizes_that_differ_are_an_error_unless_resized(tmp_path, photo):
    paths = [tmp_path / "a b.png", tmp_path / "ü.png"]
    Image.fromarray(photo).save(paths[0])
    Image.fromarray(photo[:50]).save(paths[1])
    with pytest.raises(ImageError) as caught:
        load_pair(*paths)
    for part in (*map(str, paths), "96x64 and 96x50", "--resize"):
        assert part in str(caught.value)
    assert load_pair(*paths, (40, 40))[1].shape == (40, 40, 3)


def test_a_listing_is_sorted_and_holds_images_only(tmp_path, photo):
    for name in ("b.PNG", "a.jpg", "c.txt", ".hidden.png"):
        (tmp_path / name).touch()
    (tmp_path / "folder.png").mkdir()
    os.symlink(tmp_path / "nowhere", tmp_path / "link.png")
    os.mkfifo(tmp_path / "pipe")
    paths, skipped = list_images(tmp_path)
    assert [path.name for path in paths] == ["a.jpg", "b.PNG", "link.png"]
    assert skipped == ["c.txt", "folder.png", "pipe"]


@pytest.mark.parametrize("name", FORMATS)
def test_images_of_every_format_are_listed_with_and_without_suffix(
    name, tmp_path, photo
):
    pillow = {"WebP": "WEBP", "PNM": "PPM"}.get(name, name)
    suffixes = [
        suffix
        for suffix, other in Image.registered_extensions().items()
        # The reader takes no floating-point PNM.
        if other == pillow and suffix != ".pfm"
    ]
    assert suffixes
    for end in ("", ".dat", *suffixes, *map(str.upper, suffixes)):
        Image.fromarray(photo).save(tmp_path / f"image{end}", pillow)
    paths, skipped = list_images(tmp_path)
    assert not skipped and len(paths) == 2 + 2 * len(suffixes)
    for path in paths:
        assert load_image(path).shape == photo.shape


def test_folders_without_images_are_named(tmp_path):
    (tmp_path / "file.png").touch()
    (tmp_path / "empty").mkdir()
    with pytest.raises(ImageError, match="empty holds no image"):
        list_images(tmp_path / "empty")
    (tmp_path / "empty" / "notes.txt").touch()
    with pytest.raises(ImageError, match="no image; it holds notes.txt"):
        list_images(tmp_path / "empty")
    with pytest.raises(ImageError, match="file.png: Not a directory"):
        list_images(tmp_path / "file.png")
    with pytest.raises(ImageError, match="nowhere: No such file"):
        list_images(tmp_path / "nowhere")


@pytest.mark.parametrize("suffix", [*LOSSLESS, ".PNG"])
def test_what_is_written_is_read_again(tmp_path, photo, suffix):
    write_image(tmp_path / f"image{suffix}", photo)
    np.testing.assert_array_equal(
        load_image(tmp_path / f"image{suffix}"), photo
    )
    assert len(list(tmp_path.iterdir())) == 1
