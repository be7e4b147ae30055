"""Reads arrays out of other projects' pickles, and nothing else.

A pickle builds its objects by calling what it names. Here every name that it
may use is listed and stands for a class of this file's own, which only holds
numbers; any other name is refused. NumPy's own classes are not handed out,
since their state can be set to point outside of their memory.
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
    return flatten(ArraysOnly(io.BytesIO(data), NUMPY_NAMES).read())


class PickleStub:
    """What a name in a pickle stands for; its state cannot be set."""

    def __setstate__(self, state):
        """Refuses any state."""
        raise WeightsError("a pickle sets the state of what has none")


class Array(PickleStub):
    """Stands for an array; what `numpy.core.multiarray._reconstruct` makes.

    Attributes:
        array: its values, or `None` as long as they have not come.
    """

    def __init__(self, array_type, shape, code):
        del array_type, shape, code
        self.array = None

    def __setstate__(self, state):
        """Takes shape, dtype, order and bytes, as NumPy writes them."""
        version, shape, dtype, is_fortran, data = state
        del version
        if not isinstance(dtype, DType):
            raise WeightsError("an array has no known dtype")
        if isinstance(data, str):
            data = data.encode("latin1")
        if not isinstance(data, bytes):
            raise WeightsError("an array of objects is refused")
        array = np.frombuffer(data, dtype.numpy)
        if min(shape, default=0) < 0:
            raise WeightsError("an array has a negative size")
        order = "F" if is_fortran else "C"
        self.array = array.reshape(shape, order=order).copy()


class DType(PickleStub):
    """Stands for `numpy.dtype`, of plain real numbers only."""

    def __init__(self, code, align=False, copy=True):
        del align, copy
        self.numpy = np.dtype(str(code))
        if self.numpy.kind not in "fiu":
            raise WeightsError(f"an array of {self.numpy} is refused")

    def __setstate__(self, state):
        """Takes the byte order, as NumPy writes it."""
        version, byte_order, *rest = state
        del version
        # No parts, no fields, nothing of another size.
        if rest != [None, None, None, -1, -1, 0]:
            raise WeightsError("a dtype that is no plain number is refused")
        self.numpy = self.numpy.newbyteorder(byte_order)


class ArrayType(PickleStub):
    """Stands for `numpy.ndarray`."""


NUMPY_NAMES = {
    ("numpy.core.multiarray", "_reconstruct"): Array,
    ("numpy._core.multiarray", "_reconstruct"): Array,
    ("numpy", "ndarray"): ArrayType,
    ("numpy", "dtype"): DType,
}


class ArraysOnly(pickle.Unpickler):
    """An unpickler that knows the names it is given.

    Args:
        stream: where the pickle is read from.
        names: what `(module, name)` stands for.
        load_storage: returns what the pickle keeps outside itself.
    """

    def __init__(self, stream, names, load_storage=None):
        super().__init__(stream, encoding="latin1")
        self._names = names
        self._load_storage = load_storage

    def read(self):
        """Returns the next object; raises `WeightsError` if it cannot."""
        try:
            return self.load()
        except WeightsError:
            raise
        except Exception as error:
            raise WeightsError(f"not a pickle of arrays: {error}") from None

    def find_class(self, module, name):
        """Returns what a name stands for."""
        if (module, name) not in self._names:
            raise WeightsError(
                f"a pickle asks for {module}.{name}; only arrays are read"
            )
        return self._names[module, name]

    def persistent_load(self, identity):
        """Returns what lies outside the pickle."""
        if self._load_storage is None:
            raise WeightsError("a pickle refers to something outside itself")
        return self._load_storage(identity)


def flatten(tree) -> dict[str, np.ndarray]:
    """Returns the arrays of nested dictionaries by their path."""
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
