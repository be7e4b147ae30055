import os
import pickle
import struct

import numpy as np
import pytest

from keras_lpips import WeightsError
from keras_lpips.weights.convert.safe_unpickle import read_numpy_pickle


class Calls:
    """Is written as a call, which a careless reader makes."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


PLAIN = (3, "<", None, None, None, -1, -1, 0)


class ForgedDType:
    """Is written as a float32 dtype, with a state of one's own."""

    def __init__(self, state=PLAIN):
        self.state = state

    def __reduce__(self):
        return np.dtype, ("f4", False, True), self.state


class ForgedArray:
    """Is written as NumPy writes an array, with a state of one's own."""

    def __init__(self, shape, is_fortran, data, dtype_state=PLAIN):
        self.state = 1, shape, ForgedDType(dtype_state), is_fortran, data

    def __reduce__(self):
        reconstruct = np._core.multiarray._reconstruct
        return reconstruct, (np.ndarray, (0,), b"b"), self.state


def forged(*arguments):
    return pickle.dumps({"a": ForgedArray(*arguments)}, 3)


@pytest.fixture
def marker(tmp_path):
    return tmp_path / "was here"


@pytest.mark.parametrize("protocol", [2, 3, 4])
@pytest.mark.parametrize("dtype", ["<f4", ">f4", "<f2", "<f8", "<i8", "u1"])
def test_nested_arrays_come_back_by_their_path(protocol, dtype):
    array = np.arange(24).reshape(2, 3, 4).astype(dtype)
    tree = {"a": {"b": array, "c": np.asfortranarray(array)}, "d": array[0, 0]}
    if protocol == 2:
        # Python 3 writes bytes as a call in this protocol; Python 2 did not.
        with pytest.raises(WeightsError, match="_codecs"):
            read_numpy_pickle(pickle.dumps(tree, protocol))
        return
    found = read_numpy_pickle(pickle.dumps(tree, protocol))
    assert list(found) == ["a/b", "a/c", "d"]
    for name in ("a/b", "a/c"):
        np.testing.assert_array_equal(found[name], array, strict=True)
    assert type(found["d"]) is np.ndarray


def test_a_forged_array_that_is_right_is_read():
    values = struct.pack("<4f", 1, 2, 3, 4)
    found = read_numpy_pickle(forged((2, 2), False, values))
    np.testing.assert_array_equal(found["a"], np.float32([[1, 2], [3, 4]]))
    found = read_numpy_pickle(forged((2, 2), True, values))
    np.testing.assert_array_equal(found["a"], np.float32([[1, 3], [2, 4]]))


@pytest.mark.parametrize("nest", [lambda x: x, lambda x: {"a": [{"b": x}]}])
@pytest.mark.parametrize("protocol", range(6))
def test_no_call_is_made(marker, nest, protocol):
    command = f"touch '{marker}'"
    for attack in (
        Calls(os.system, command),
        Calls(eval, f"__import__('os').system({command!r})"),
        Calls(exec, f"open({str(marker)!r}, 'w')"),
        Calls(open, str(marker), "w"),
        Calls(np.load, str(marker)),
        Calls(pickle.loads, pickle.dumps(Calls(os.system, command))),
    ):
        with pytest.raises(WeightsError, match="a pickle asks for"):
            read_numpy_pickle(pickle.dumps(nest(attack), protocol))
    assert not marker.exists()


@pytest.mark.parametrize(
    "name",
    ["os.system", "numpy.core.multiarray.scalar", "numpy.ndarray.tofile"],
)
def test_names_are_compared_whole(name):
    module, _, attribute = name.rpartition(".")
    data = b"".join(
        b"\x8c" + bytes([len(x)]) + x.encode() for x in (module, attribute)
    )
    with pytest.raises(WeightsError, match="only arrays are read"):
        read_numpy_pickle(b"\x80\x04" + data + b"\x93.")


@pytest.mark.parametrize(
    "value",
    [
        np.array([None, "text"], object),
        np.array(["text"]),
        np.array([1j]),
        np.zeros(2, [("a", "f4"), ("b", "i4")]),
        np.zeros(2, "V8"),
        np.zeros(2, "M8[s]"),
        np.array([True]),
        [np.zeros(2)],
        (1, 2),
        "text",
        3.5,
        None,
    ],
    ids=repr,
)
def test_what_is_no_array_of_real_numbers_is_rejected(value):
    for content in ({"a": value}, value):
        with pytest.raises(WeightsError):
            read_numpy_pickle(pickle.dumps(content, 3))


@pytest.mark.parametrize(
    "state",
    [
        ((10**12,), False, bytes(4)),
        ((2, 2), False, bytes(15)),
        ((2, 2), False, bytes(20)),
        ((-1,), False, bytes(16)),
        ((2, 2), False, [None] * 4),
        (("a",), False, bytes(4)),
    ],
)
def test_shapes_that_do_not_fit_the_bytes_are_rejected(state):
    with pytest.raises(WeightsError):
        read_numpy_pickle(forged(*state))


@pytest.mark.parametrize(
    "state",
    [
        (3, "|", None, None, None, -1, -1, 63),
        (3, "<", None, None, None, 1 << 30, 4, 0),
        (3, "<", None, ("a",), {"a": 1}, 8, 1, 0),
        (3, "x", None, None, None, -1, -1, 0),
        (3,),
    ],
)
def test_a_dtype_cannot_be_given_another_state(state):
    with pytest.raises(WeightsError):
        read_numpy_pickle(forged((1,), False, bytes(4), state))


def test_a_class_cannot_be_given_a_state():
    for module, name in (
        ("numpy", "ndarray"),
        ("numpy", "dtype"),
        ("numpy.core.multiarray", "_reconstruct"),
    ):
        state = pickle.dumps((None, {"array": 1}), 2)[2:-1]
        data = b"\x80\x02" + f"c{module}\n{name}\n".encode() + state + b"b."
        with pytest.raises(WeightsError):
            read_numpy_pickle(data)


def test_a_dictionary_within_itself_is_rejected():
    tree = {}
    tree["a"] = tree
    with pytest.raises(WeightsError):
        read_numpy_pickle(pickle.dumps(tree))


@pytest.mark.parametrize("share", [0, 0.01, 0.3, 0.7, 0.99])
def test_a_cut_pickle_is_rejected(share):
    data = pickle.dumps({"a": np.arange(100.0)}, 3)
    with pytest.raises(WeightsError):
        read_numpy_pickle(data[: int(share * len(data))])
