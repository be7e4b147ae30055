import io
import struct
import warnings
import zlib

import numpy as np
import pytest
import tifffile
from PIL import Image

from keras_lpips import ImageError
from keras_lpips.images.reader import load_image, read_size


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
    assert fault(path) == f"{path} is not an image that can be read"
    assert fault(tmp_path / "none.png").endswith("does not exist")
    (tmp_path / "folder.png").mkdir()
    assert "Is a directory" in fault(tmp_path / "folder.png")


def test_a_file_that_may_not_be_read_is_named(tmp_path, photo, monkeypatch):
    path = tmp_path / "image.png"

    def refuse(*arguments):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Image, "open", refuse)
    assert fault(path) == f"{path} cannot be read: Permission denied"


@pytest.mark.parametrize("side", [20_000, 2**31 - 1])
def test_a_decompression_bomb_is_refused_from_its_head(tmp_path, side):
    head = b"IHDR" + struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    data = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + head
    data += zlib.crc32(head).to_bytes(4)
    path = tmp_path / "bomb.png"
    path.write_bytes(data + struct.pack(">I", 0) + b"IDAT" + bytes(4))
    assert "decompression bomb" in fault(path)
    with pytest.raises(ImageError, match="decompression bomb"):
        read_size(path)


@pytest.mark.parametrize("suffix", ["gif", "png", "webp", "tif"])
def test_several_frames_are_refused(tmp_path, photo, suffix):
    path = tmp_path / f"image.{suffix}"
    image = Image.fromarray(photo)
    frames = [image.rotate(90 * i) for i in (1, 2)]
    image.save(path, save_all=True, append_images=frames)
    assert fault(path) == f"{path} has 3 frames; one is needed"


@pytest.mark.parametrize("dtype", [np.int32, np.float32, np.int16])
def test_values_of_unknown_range_are_refused(tmp_path, photo, dtype):
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
def test_16_bit_tiffs_that_pillow_misreads_are_refused(
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
