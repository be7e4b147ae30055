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
def test_a_bad_judgement_is_refused_with_its_reason(data, reason):
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


def bomb(side):
    """A small PNG whose header says `side` x `side` pixels."""

    def chunk(kind, data):
        check = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + check

    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(bytes(1000)))
        + chunk(b"IEND", b"")
    )


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
        (bomb(5000), "is 5000 x 5000: more than"),
        (bomb(10_000), "has more than|is 10000 x 10000"),
        (bomb(30_000), "has more than"),
        (sixteen_bits(), "is not of 8 bits"),
    ],
)
def test_a_bad_patch_is_refused_with_its_reason(data, reason):
    with pytest.raises(InvalidFileError, match=reason):
        read_patch(data)
