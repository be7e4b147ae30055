"""Reads arrays, and nothing else, from pickles of other projects.

A pickle creates objects by calling the names in it. Here each allowed name is
replaced by a class of this module, which only holds numbers; any other name is
rejected. NumPy's own classes are not used, since a pickle could set their state
to point outside their memory.
"""

import io
import pickle

import numpy as np

from keras_lpips.weights.npz import WeightsError

# Dictionaries within dictionaries; a pickle can hold one within itself.
MAX_DEPTH = 8


def read_numpy_pickle(data: bytes) -> dict[str, np.ndarray]:
    """Reads a pickle of nested dictionaries of NumPy arrays.

    Args:
        data: the pickle's bytes, whose digest the caller has checked.

    Returns:
        Arrays by their path in the dictionaries, joined by "/".

    Raises:
        WeightsError: if it holds anything but dictionaries and arrays.
    """
    return flatten(ArrayUnpickler(io.BytesIO(data), NUMPY_NAMES).read())


class PickleStub:
    """Replaces an object named in a pickle; its state cannot be set."""

    def __setstate__(self, state):
        """Rejects any state."""
        raise WeightsError("unsupported pickle: unexpected object state")


class Array(PickleStub):
    """Replaces an array, as `numpy.core.multiarray._reconstruct` creates it.

    Attributes:
        array: its values, or `None` before its state is set.
    """

    def __init__(self, array_type, shape, code):
        del array_type, shape, code
        self.array = None

    def __setstate__(self, state):
        """Sets shape, dtype, order and bytes, as NumPy writes them."""
        version, shape, dtype, is_fortran, data = state
        del version
        if not isinstance(dtype, DType):
            raise WeightsError("an array has no known dtype")
        if isinstance(data, str):
            data = data.encode("latin1")
        if not isinstance(data, bytes):
            raise WeightsError("arrays of objects are not allowed")
        array = np.frombuffer(data, dtype.numpy)
        if min(shape, default=0) < 0:
            raise WeightsError("an array has a negative size")
        order = "F" if is_fortran else "C"
        self.array = array.reshape(shape, order=order).copy()


class DType(PickleStub):
    """Replaces `numpy.dtype`, for real numbers only."""

    def __init__(self, code, align=False, copy=True):
        del align, copy
        self.numpy = np.dtype(str(code))
        if self.numpy.kind not in "fiu":
            raise WeightsError(f"arrays of {self.numpy} are not allowed")

    def __setstate__(self, state):
        """Sets the byte order, as NumPy writes it."""
        version, byte_order, *rest = state
        del version
        # No subarray, no fields, no other item size.
        if rest != [None, None, None, -1, -1, 0]:
            raise WeightsError("structured dtypes are not allowed")
        self.numpy = self.numpy.newbyteorder(byte_order)


class ArrayType(PickleStub):
    """Replaces `numpy.ndarray`."""


NUMPY_NAMES = {
    ("numpy.core.multiarray", "_reconstruct"): Array,
    ("numpy._core.multiarray", "_reconstruct"): Array,
    ("numpy", "ndarray"): ArrayType,
    ("numpy", "dtype"): DType,
}


class ArrayUnpickler(pickle.Unpickler):
    """An unpickler that accepts only the names it is given.

    Args:
        stream: the pickle, an open file.
        names: the replacement of each allowed `(module, name)`.
        load_storage: returns an object that the pickle refers to, but does
            not hold. Defaults to `None`: no such objects are allowed.
    """

    def __init__(self, stream, names, load_storage=None):
        super().__init__(stream, encoding="latin1")
        self._names = names
        self._load_storage = load_storage

    def read(self):
        """Returns the next object; raises `WeightsError` if it is invalid."""
        try:
            return self.load()
        except WeightsError:
            raise
        except Exception as error:
            raise WeightsError(f"not a pickle of arrays: {error}") from None

    def find_class(self, module, name):
        """Returns the replacement of a name."""
        if (module, name) not in self._names:
            raise WeightsError(
                f"a pickle asks for {module}.{name}; only arrays are read"
            )
        return self._names[module, name]

    def persistent_load(self, identity):
        """Returns an object that the pickle does not hold itself."""
        if self._load_storage is None:
            raise WeightsError("a pickle refers to something outside itself")
        return self._load_storage(identity)


def flatten(tree) -> dict[str, np.ndarray]:
    """Returns the arrays of nested dictionaries by their paths."""
    arrays = {}

    def add(value, path):
        if isinstance(value, dict) and len(path) < MAX_DEPTH:
            # A pickle may hide a dictionary's own `items`.
            for name, part in dict.items(value):
                add(part, (*path, str(name)))
            return
        array = getattr(value, "array", None)
        name = "/".join(path)
        if not isinstance(array, np.ndarray) or not path or name in arrays:
            raise WeightsError(f"{name or 'a pickle'} is not one named array")
        arrays[name] = array

    add(tree, ())
    return arrays
