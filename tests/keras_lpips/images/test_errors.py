import io
import os
import struct
import threading
import warnings
import zlib

import numpy as np
import pytest
import tifffile
from PIL import Image

from keras_lpips import ImageError
from keras_lpips.images import reader
from keras_lpips.images.errors import as_image_error
from keras_lpips.images.formats import ADAM7
from keras_lpips.images.reader import decode_image, load_image, read_size


def fault(path):
    """Returns the one sentence that loading raises, without any warning."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(ImageError) as caught:
            load_image(path)
    sentence = str(caught.value)
    assert sentence.startswith(str(path)) and "\n" not in sentence
    return sentence


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP", "BMP", "TIFF"])
@pytest.mark.parametrize("share", [0, 1, 8, 20, 33, 60, 0.1, 0.5, 0.9, 0.98])
def test_a_truncated_file_is_one_sentence(tmp_path, photo, format, share):
    stream = io.BytesIO()
    Image.fromarray(photo).save(stream, format)
    data = stream.getvalue()
    size = share if isinstance(share, int) else int(share * len(data))
    path = tmp_path / "image.png"
    path.write_bytes(data[:size])
    fault(path)


def test_a_damaged_png_is_one_sentence(tmp_path, photo):
    path = tmp_path / "image.png"
    Image.fromarray(photo).save(path)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(data)
    fault(path)


def test_what_is_no_image_is_named(tmp_path):
    path = tmp_path / "text.png"
    path.write_text("no image")
    assert fault(path).startswith(f"{path} is not an image that can be read (")
    assert fault(tmp_path / "none.png").endswith("does not exist")
    (tmp_path / "folder.png").mkdir()
    assert "Is a directory" in fault(tmp_path / "folder.png")


def test_a_file_that_may_not_be_read_is_named(tmp_path, photo, monkeypatch):
    path = tmp_path / "image.png"
    path.touch()

    def refuse(*arguments):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(reader, "open_image", refuse)
    assert fault(path) == f"{path} cannot be read: Permission denied"


@pytest.mark.parametrize("side", [20_000, 2**31 - 1])
def test_a_decompression_bomb_is_rejected_from_its_head(tmp_path, side):
    head = b"IHDR" + struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    data = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + head
    data += zlib.crc32(head).to_bytes(4)
    path = tmp_path / "bomb.png"
    path.write_bytes(data + struct.pack(">I", 0) + b"IDAT" + bytes(4))
    assert "decompression bomb" in fault(path)
    with pytest.raises(ImageError, match="decompression bomb"):
        read_size(path)


@pytest.mark.parametrize("suffix", ["gif", "png", "webp", "tif"])
def test_several_frames_are_rejected(tmp_path, photo, suffix):
    path = tmp_path / f"image.{suffix}"
    image = Image.fromarray(photo)
    frames = [image.rotate(90 * i) for i in (1, 2)]
    image.save(path, save_all=True, append_images=frames)
    assert fault(path) == f"{path} has 3 frames; one is needed"


@pytest.mark.parametrize("dtype", [np.int32, np.float32, np.int16])
def test_values_of_unknown_range_are_rejected(tmp_path, photo, dtype):
    path = tmp_path / "image.tif"
    tifffile.imwrite(path, photo[..., 0].astype(dtype))
    assert "range is unknown" in fault(path)


@pytest.mark.parametrize(
    "options",
    [
        {"photometric": "miniswhite"},
        {"photometric": "rgb", "planarconfig": "separate"},
    ],
)
def test_16_bit_tiffs_that_pillow_misreads_are_rejected(
    tmp_path, photo, options
):
    path = tmp_path / "image.tif"
    pixels = photo.astype(np.uint16) * 257
    planes = options.get("planarconfig")
    pixels = np.moveaxis(pixels, -1, 0) if planes else pixels[..., 0]
    tifffile.imwrite(path, pixels, **options)
    assert "Pillow misreads" in fault(path)


def test_8_bit_planes_kept_apart_are_read(tmp_path, photo):
    path = tmp_path / "image.tif"
    planes = np.moveaxis(photo, -1, 0)
    tifffile.imwrite(path, planes, photometric="rgb", planarconfig="separate")
    np.testing.assert_array_equal(load_image(path), photo)


def test_pil_images_that_fail_late_are_one_sentence(tmp_path, photo):
    path = tmp_path / "image.png"
    Image.fromarray(photo).save(path)
    path.write_bytes(path.read_bytes()[:2000])
    with Image.open(path) as image:
        with pytest.raises(ImageError, match=r"image\.png cannot be read"):
            load_image(image)
    with pytest.raises(ImageError, match="The image cannot be used"):
        load_image(Image.new("La", (40, 40)))


EPS = b"""%!PS-Adobe-3.0 EPSF-3.0
%%BoundingBox: 0 0 64 64
%%EndComments
showpage
"""


@pytest.mark.parametrize("format", ["EPS", "DDS", "ICO", "TGA", "JPEG2000"])
def test_other_formats_are_rejected_whatever_their_name(
    tmp_path, photo, format, monkeypatch
):
    def run(*arguments, **keywords):
        raise AssertionError("a program is started")

    monkeypatch.setattr("subprocess.check_call", run)
    monkeypatch.setattr("subprocess.run", run)
    stream = io.BytesIO(EPS)
    if format != "EPS":
        stream = io.BytesIO()
        Image.fromarray(photo).save(stream, format)
    path = tmp_path / "image.png"
    path.write_bytes(stream.getvalue())
    sentence = fault(path)
    assert "(PNG, JPEG, WebP, TIFF, BMP, GIF, PNM are)" in sentence
    with pytest.raises(ImageError, match="not an image that can be read"):
        decode_image(stream.getvalue(), "x.png")
    with pytest.raises(ImageError, match="not an image that can be read"):
        read_size(path)


@pytest.mark.parametrize(
    "error", [RuntimeError("of AVIF"), NotImplementedError(), OverflowError()]
)
def test_any_exception_of_a_plugin_is_an_image_error(error):
    with pytest.raises(ImageError, match="x.png cannot be used: "):
        with as_image_error("x.png"):
            raise error
    with pytest.raises(MemoryError), as_image_error("x.png"):
        raise MemoryError


def test_a_pipe_is_rejected_instead_of_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.png")
    assert fault(tmp_path / "pipe.png").endswith("is not a regular file")


def png_of_rows(photo, share, interlace=0):
    """A PNG whose header promises more rows than it holds."""
    passes = ADAM7 if interlace else [(0, 0, 1, 1)]
    rows = [
        row
        for left, top, across, down in passes
        for row in photo[top::down, left::across]
    ]

    def chunk(name, data):
        crc = zlib.crc32(name + data)
        return struct.pack(">I", len(data)) + name + data + crc.to_bytes(4)

    height, width = photo.shape[:2]
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, interlace)
    rows = rows[: max(1, int(share * len(rows)))]
    data = b"".join(b"\0" + row.tobytes() for row in rows)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(data))
        + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("share", [0.01, 0.125, 0.5, 0.99])
@pytest.mark.parametrize("interlace", [0, 1])
def test_a_png_with_missing_rows_is_rejected(tmp_path, photo, share, interlace):
    path = tmp_path / "image.png"
    path.write_bytes(png_of_rows(photo, 1, interlace))
    np.testing.assert_array_equal(load_image(path), photo)
    path.write_bytes(png_of_rows(photo, share, interlace))
    assert "truncated" in fault(path)
    with pytest.raises(ImageError, match="truncated"):
        decode_image(path.read_bytes(), "x.png")
    with Image.open(path) as image, pytest.raises(ImageError, match="truncat"):
        load_image(image)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "P", "1", "I;16"])
def test_a_png_with_black_rows_is_not_taken_for_a_truncated_one(
    tmp_path, photo, mode
):
    path = tmp_path / "image.png"
    pixels = np.zeros((40, 47, 3), np.uint8)
    pixels[:9] = photo[:9, :47]
    Image.fromarray(pixels).convert(mode).save(path)
    assert load_image(path).shape == (40, 47, 3)
    path.write_bytes(png_of_rows(np.zeros((1, 1, 3), np.uint8), 1))
    assert load_image(path).shape == (1, 1, 3)


@pytest.mark.parametrize("tile", [None, (32, 32)])
def test_a_tiff_with_missing_strips_or_tiles_is_rejected(tmp_path, photo, tile):
    path = tmp_path / "image.tif"
    options = {"tile": tile} if tile else {"rowsperstrip": 8}
    tifffile.imwrite(path, photo, photometric="rgb", **options)
    assert load_image(path).shape == photo.shape
    content = path.read_bytes()
    with tifffile.TiffFile(path) as file:
        length = file.pages[0].tags["ImageLength"]
    taller = bytearray(content)
    taller[length.valueoffset : length.valueoffset + 2] = struct.pack(
        f"{file.byteorder}H", 640
    )
    path.write_bytes(taller)
    assert "strips or tiles" in fault(path)
    path.write_bytes(content[:-100])
    assert "truncated" in fault(path)


def test_reading_leaves_the_filters_of_warnings_alone(tmp_path, photo):
    path = tmp_path / "image.png"
    image = Image.fromarray(photo).quantize(200)
    image.save(path, transparency=bytes(range(200)))
    before, limit = list(warnings.filters), Image.MAX_IMAGE_PIXELS
    seen = []

    def read():
        for _ in range(20):
            load_image(path)
            seen.append(warnings.filters == before)

    threads = [threading.Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(seen) == 80 and all(seen)
    assert Image.MAX_IMAGE_PIXELS == limit


def test_a_jpeg_of_very_many_scans_is_rejected(tmp_path, photo):
    path = tmp_path / "image.jpg"
    Image.fromarray(photo).save(path, progressive=True)
    assert load_image(path).shape == photo.shape
    content = path.read_bytes()
    at = content.rindex(b"\xff\xda")
    path.write_bytes(content[:at] + content[at:-2] * 300 + content[-2:])
    assert "scans" in fault(path)
