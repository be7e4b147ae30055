import tracemalloc

import numpy as np
import pytest
import tifffile
from PIL import Image

from keras_lpips import ImageError
from keras_lpips.images.reader import load_image
from keras_lpips.images.tiff_reader import TiffRows, open_pair, open_rows

PIXELS = np.random.default_rng(0).integers(0, 256, (150, 117, 3), np.uint8)
# What can be read by rows: what tifffile writes with these arguments.
BY_ROWS = {
    "plain": {},
    "strips": {"rowsperstrip": 7},
    "deflated strips": {"rowsperstrip": 7, "compression": "zlib"},
    "tiles": {"tile": (32, 48)},
    "deflated tiles": {"tile": (32, 48), "compression": "zlib"},
    "predicted": {"tile": (64, 16), "compression": "zlib", "predictor": True},
    "big": {"bigtiff": True},
    "big-endian": {"byteorder": ">", "compression": "zlib"},
}


def assert_rows_are_right(path, image):
    whole = load_image(path)
    assert image.shape == whole.shape
    for start, stop in ((0, 1), (0, 150), (5, 8), (31, 97), (149, 150)):
        rows = image[start:stop]
        assert rows.dtype == np.uint8
        np.testing.assert_array_equal(rows, whole[start:stop])


@pytest.mark.parametrize("layout", BY_ROWS)
@pytest.mark.parametrize("gray", [False, True])
def test_rows_of_a_tiff_are_those_of_pillow(tmp_path, layout, gray):
    path = tmp_path / "a.tif"
    pixels = PIXELS[..., 0] if gray else PIXELS
    kind = "minisblack" if gray else "rgb"
    tifffile.imwrite(path, pixels, photometric=kind, **BY_ROWS[layout])
    image = open_rows(path)
    assert isinstance(image, TiffRows)
    assert_rows_are_right(path, image)


@pytest.mark.parametrize(
    "compression", [None, "tiff_deflate", "packbits", "tiff_lzw", "jpeg"]
)
def test_what_pillow_writes_is_read_either_way(tmp_path, compression):
    path = tmp_path / "a.tiff"
    Image.fromarray(PIXELS).save(path, compression=compression)
    image = open_rows(path)
    assert_rows_are_right(path, image)
    # Where tifffile's companion for it is installed, LZW is read by rows, too.
    if compression != "tiff_lzw":
        assert isinstance(image, TiffRows) == (compression != "jpeg")


@pytest.mark.parametrize(
    ("pixels", "options"),
    [
        (
            PIXELS,
            {
                "photometric": "rgb",
                "planarconfig": "contig",
                "extratags": [(274, "H", 1, 3, True)],
            },
        ),
        (PIXELS[..., 0], {"photometric": "miniswhite"}),
        (PIXELS[..., 0].astype(np.uint16) * 257, {"photometric": "minisblack"}),
        (
            np.dstack([PIXELS, PIXELS[..., 0]]),
            {"photometric": "rgb", "extrasamples": ["unassalpha"]},
        ),
        (
            np.moveaxis(PIXELS, 2, 0),
            {"photometric": "rgb", "planarconfig": "separate"},
        ),
    ],
)
def test_unusual_tiffs_are_decoded_whole(tmp_path, pixels, options):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, pixels, **options)
    image = open_rows(path)
    assert isinstance(image, np.ndarray)
    assert_rows_are_right(path, image)


def test_other_formats_are_decoded_whole(tmp_path):
    path = tmp_path / "a.png"
    Image.fromarray(PIXELS).save(path)
    assert_rows_are_right(path, open_rows(path))
    assert open_rows(path, (40, 50)).shape == (40, 50, 3)


def test_a_tiff_is_resized_whole(tmp_path):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, PIXELS, photometric="rgb")
    found = open_rows(path, (40, 50))
    np.testing.assert_array_equal(found, load_image(path, (40, 50)))


def test_larger_images_are_admitted_than_untiled(tmp_path, monkeypatch):
    path = tmp_path / "a.png"
    Image.fromarray(PIXELS).save(path)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    with pytest.raises(ImageError, match="more than 2,000 pixels"):
        load_image(path)
    assert open_rows(path).shape == PIXELS.shape
    assert Image.MAX_IMAGE_PIXELS == 1000
    monkeypatch.setattr(
        "keras_lpips.images.tiff_reader.MOST_HELD_PIXELS", 10_000
    )
    with pytest.raises(ImageError, match="more than 10,000 pixels"):
        open_rows(path)


@pytest.mark.parametrize("compression", [None, "zlib"])
def test_a_damaged_tiff_is_one_sentence(tmp_path, compression):
    path = tmp_path / "a.tif"
    tifffile.imwrite(
        path,
        PIXELS,
        photometric="rgb",
        rowsperstrip=10,
        compression=compression,
    )
    image = open_rows(path)
    content = bytearray(path.read_bytes())
    with tifffile.TiffFile(path) as file:
        offset = file.pages[0].dataoffsets[9]
    if compression:
        content[offset : offset + 100] = bytes(100)
    else:
        content = content[: offset + 50]
    path.write_bytes(content)
    with pytest.raises(ImageError, match=r"a\.tif cannot be used: "):
        image[80:120]


def test_what_cannot_be_read_is_named(tmp_path, capfd):
    with pytest.raises(ImageError, match=r"none\.tif does not exist"):
        open_rows(tmp_path / "none.tif")
    path = tmp_path / "two.tif"
    tifffile.imwrite(path, np.stack([PIXELS, PIXELS]), photometric="rgb")
    with pytest.raises(ImageError, match="2 frames"):
        open_rows(path)
    path.write_text("no image")
    with pytest.raises(ImageError, match="is not an image"):
        open_rows(path)
    tifffile.imwrite(path, PIXELS, photometric="rgb", rowsperstrip=10)
    path.write_bytes(path.read_bytes()[:300])
    with pytest.raises(ImageError, match=r"two\.tif "):
        open_rows(path)
    assert capfd.readouterr() == ("", "")


def test_pairs_must_be_of_one_size(tmp_path):
    paths = [tmp_path / "a.tif", tmp_path / "b.png"]
    tifffile.imwrite(paths[0], PIXELS, photometric="rgb")
    Image.fromarray(PIXELS[1:]).save(paths[1])
    with pytest.raises(ImageError, match="117x150 and 117x149"):
        open_pair(*paths)


@pytest.mark.parametrize("rows", [16, 2**32 - 1], ids=["strips", "one strip"])
@pytest.mark.parametrize("compression", [None, "zlib"])
@pytest.mark.parametrize("open_file", [open_rows, load_image])
def test_a_false_height_is_rejected_before_memory_is_taken(
    open_file, compression, rows, tmp_path
):
    path = tmp_path / "x.tif"
    pixels = PIXELS[:64, :64]
    tifffile.imwrite(
        path,
        pixels,
        photometric="rgb",
        compression=compression,
        rowsperstrip=min(rows, 64),
    )
    with tifffile.TiffFile(path, mode="r+") as file:
        tags = file.pages[0].tags
        tags["ImageLength"].overwrite(2_000_000, dtype="I")
        tags["RowsPerStrip"].overwrite(rows, dtype="I")
    tracemalloc.start()
    with pytest.raises(ImageError, match="too few bytes|strips or tiles"):
        open_file(path)
    assert tracemalloc.get_traced_memory()[1] < 1 << 24
    tracemalloc.stop()
