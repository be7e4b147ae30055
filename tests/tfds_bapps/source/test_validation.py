import io
import pickle
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from tests.support.fake_bapps import npy, png, share
from tfds_bapps.source.errors import InvalidFileError
from tfds_bapps.source.validation import read_answer, read_patch


@pytest.mark.parametrize("votes", [2, 3, 5, 7])
def test_every_share_of_the_votes_is_taken(votes):
    for agreeing in range(votes + 1):
        value = read_answer(share(agreeing / votes), votes)
        assert value == np.float32(agreeing / votes)
        assert value.dtype == np.float32


def test_any_share_is_taken_where_votes_are_not_known():
    assert read_answer(share(0.123), None) == np.float32(0.123)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "is empty"),
        (b"junk", "cannot be read"),
        (npy(np.array([[0.2, 0.4]], np.float32)), "has the shape"),
        (npy(np.array([], np.float32)), "has the shape"),
        (npy(np.array([0.2])), "holds float64, not float32"),
        (npy(np.array([1])), "holds int64"),
        (npy(np.array([{"a": 1}], object)), "allow_pickle"),
        (pickle.dumps(0.2), "cannot be read"),
        (share(np.nan), "is nan"),
        (share(np.inf), "is inf"),
        (share(-0.2), r"is -0\.2\S*, not in"),
        (share(1.2), r"is 1\.2\S*, not in"),
        (share(0.5), "is 0.5, not a multiple of 1/5"),
        (share(0.2)[:-1], "cannot be read"),
        (npy(np.zeros(2000, np.float32)), "is not one number"),
    ],
)
def test_an_invalid_judgement_is_rejected_with_its_reason(data, reason):
    with pytest.raises(InvalidFileError, match=reason):
        read_answer(data, 5)


def test_a_pickle_is_never_run(tmp_path):
    class Trap:
        def __reduce__(self):
            return (open, (str(tmp_path / "run"), "w"))

    for data in (pickle.dumps(Trap()), npy(np.array([Trap()], object))):
        with pytest.raises(InvalidFileError):
            read_answer(data, 5)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "LA"])
def test_images_of_eight_bits_are_decoded(mode):
    data = png(mode=mode)
    expected = np.asarray(Image.open(io.BytesIO(data)))
    np.testing.assert_array_equal(np.asarray(read_patch(data)), expected)


@pytest.mark.parametrize("size", [(1, 1), (3, 2), (5, 9), (64, 50)])
@pytest.mark.parametrize("colour", [0, 2, 3, 4, 6])
@pytest.mark.parametrize("interlaced", [0, 1])
def test_images_of_every_kind_of_png_are_taken(size, colour, interlaced):
    depth = 4 if colour in (0, 3) else 8
    width, height = size
    rows = b""
    # The passes of Adam7, by their first column and row and their steps.
    passes = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4)]
    passes += [(0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
    for column, row, across, down in passes if interlaced else [(0, 0, 1, 1)]:
        columns = len(range(column, width, across))
        samples = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[colour]
        line = bytes(1 + (columns * samples * depth + 7) // 8)
        rows += line * (len(range(row, height, down)) if columns else 0)
    header = struct.pack(
        ">II5B", width, height, depth, colour, 0, 0, interlaced
    )
    palette = chunk(b"PLTE", bytes(48)) if colour == 3 else b""
    for data, valid in ((rows, True), (rows[: len(rows) // 2], False)):
        made = (
            b"\x89PNG\r\n\x1a\n"
            + chunk(b"IHDR", header)
            + palette
            + chunk(b"IDAT", zlib.compress(data))
            + chunk(b"IEND", b"")
        )
        if valid:
            assert read_patch(made).size == size
        else:
            with pytest.raises(InvalidFileError):
                read_patch(made)


def chunk(kind, data):
    check = struct.pack(">I", zlib.crc32(kind + data))
    return struct.pack(">I", len(data)) + kind + data + check


def bomb(side):
    """A small PNG whose header says `side` x `side` pixels."""

    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(bytes(1000)))
        + chunk(b"IEND", b"")
    )


def rows_missing():
    """A PNG of 64 x 64 whose data end, validly, after 8 rows."""
    whole = png(size=(64, 8))
    header = struct.pack(">IIBBBBB", 64, 64, 8, 2, 0, 0, 0)
    check = struct.pack(">I", zlib.crc32(b"IHDR" + header))
    return whole[:16] + header + check + whole[33:]


def sixteen_bits():
    file = io.BytesIO()
    Image.fromarray(np.zeros((4, 4), np.uint16)).save(file, "PNG")
    return file.getvalue()


def jpeg():
    file = io.BytesIO()
    Image.new("RGB", (8, 8)).save(file, "JPEG")
    return file.getvalue()


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "is empty"),
        (b"junk", "is not a PNG image"),
        (jpeg(), "is not a PNG image"),
        (png()[:-30], "cannot be decoded"),
        (png()[:60], "cannot be decoded"),
        (png()[:100] + b"\0\0" + png()[102:], "cannot be decoded"),
        (rows_missing(), "has fewer rows than its header"),
        (bomb(5000), "is 5000 x 5000: more than"),
        (bomb(10_000), "has more than|is 10000 x 10000"),
        (bomb(30_000), "has more than"),
        (sixteen_bits(), "is not of 8 bits"),
    ],
)
def test_an_invalid_patch_is_rejected_with_its_reason(data, reason):
    with pytest.raises(InvalidFileError, match=reason):
        read_patch(data)
