"""Reads arrays out of other projects' pickles, and nothing else.

Two kinds are read without the library that wrote them: nested dictionaries of
NumPy arrays, and torch's state dictionaries in the zip format and in the
legacy one. Every name that a pickle may ask for is listed here and stands for
something that only makes arrays; any other is refused.
"""

import collections
import io
import pickle
import zipfile

import numpy as np

from keras_lpips.weights.arrays import WeightsError

TORCH_LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
TORCH_DTYPES = {
    "FloatStorage": np.dtype("<f4"),
    "DoubleStorage": np.dtype("<f8"),
    "HalfStorage": np.dtype("<f2"),
    "LongStorage": np.dtype("<i8"),
}


def read_numpy_pickle(data: bytes) -> dict[str, np.ndarray]:
    """Reads a pickle of nested dictionaries of NumPy arrays.

    Args:
        data: the pickle's bytes, whose digest the caller has checked.

    Returns:
        Arrays by their path in the dictionaries, joined by "/".

    Raises:
        WeightsError: if it holds anything but dictionaries and arrays.
    """
    tree = _ArraysOnly(io.BytesIO(data), _NUMPY_NAMES).read()
    arrays = {}
    _flatten(tree, "", arrays)
    return arrays


def read_torch_pickle(data: bytes) -> dict[str, np.ndarray]:
    """Reads a torch state dictionary, zip or legacy, without torch.

    Args:
        data: the file's bytes, whose digest the caller has checked.

    Returns:
        Arrays by the names that they have in the file.

    Raises:
        WeightsError: if it holds anything but tensors by name.
    """
    stream = io.BytesIO(data)
    is_zip = zipfile.is_zipfile(stream)
    stream.seek(0)
    if is_zip:
        tree = _read_torch_zip(stream)
    else:
        tree = _read_torch_legacy(stream)
    arrays = {}
    _flatten(tree, "", arrays)
    return arrays


def _read_torch_zip(stream):
    with zipfile.ZipFile(stream) as archive:
        roots = [n for n in archive.namelist() if n.endswith("/data.pkl")]
        if len(roots) != 1:
            raise WeightsError("not a torch file: no data.pkl inside")
        root = roots[0].removesuffix("data.pkl")

        def load_storage(identity):
            dtype, key = _storage(identity)
            return np.frombuffer(archive.read(f"{root}data/{key}"), dtype)

        return _ArraysOnly(
            io.BytesIO(archive.read(roots[0])), _TORCH_NAMES, load_storage
        ).read()


def _read_torch_legacy(stream):
    """Magic, version, system, the tree, storage keys, then the storages.

    The tree refers to storages that follow it, so it is read twice: to find
    their dtypes, and, with the storages at hand, for good.
    """
    if _ArraysOnly(stream, {}).read() != TORCH_LEGACY_MAGIC:
        raise WeightsError("not a torch file: neither zip nor legacy")
    for _ in ("protocol version", "system"):
        _ArraysOnly(stream, {}).read()
    start = stream.tell()
    dtypes, counts = {}, {}

    def note_storage(identity):
        dtype, key = _storage(identity)
        dtypes[key], counts[key] = dtype, int(identity[4])
        return np.zeros(counts[key], dtype)

    _ArraysOnly(stream, _TORCH_NAMES, note_storage).read()
    storages = {}
    for key in _ArraysOnly(stream, {}).read():
        count = int.from_bytes(stream.read(8), "little")
        if key not in dtypes or count != counts[key]:
            raise WeightsError("not a whole torch file: storages do not fit")
        data = stream.read(count * dtypes[key].itemsize)
        if len(data) != count * dtypes[key].itemsize:
            raise WeightsError("not a whole torch file: it ends too early")
        storages[key] = np.frombuffer(data, dtypes[key])
    stream.seek(start)
    return _ArraysOnly(
        stream, _TORCH_NAMES, lambda identity: storages[_storage(identity)[1]]
    ).read()


def _storage(identity):
    kind, dtype, key = identity[:3]
    if kind != "storage" or not isinstance(dtype, np.dtype):
        raise WeightsError("a torch file holds something that is no storage")
    return dtype, str(key)


def _rebuild_tensor(storage, offset, shape, strides, *unused):
    del unused
    item = storage.itemsize
    view = np.lib.stride_tricks.as_strided(
        storage[offset:], shape, [item * step for step in strides]
    )
    last = offset + sum(
        (n - 1) * s for n, s in zip(shape, strides, strict=True)
    )
    if min((*strides, offset, 0)) < 0 or (view.size and last >= storage.size):
        raise WeightsError("a tensor reaches outside its storage")
    return view.copy()


class _EmptyArray(np.ndarray):
    """What `_reconstruct` makes for a pickle; an array like any other."""


def _reconstruct(array_type, shape, dtype_code):
    del array_type
    return np.ndarray.__new__(_EmptyArray, shape, dtype_code)


def _dtype(code, align=False, copy=True):
    del align, copy
    dtype = np.dtype(code)
    if dtype.hasobject:
        raise WeightsError("an array of objects is refused")
    return dtype


_NUMPY_NAMES = {
    ("numpy.core.multiarray", "_reconstruct"): _reconstruct,
    ("numpy._core.multiarray", "_reconstruct"): _reconstruct,
    ("numpy", "ndarray"): _EmptyArray,
    ("numpy", "dtype"): _dtype,
}
_TORCH_NAMES = {
    ("collections", "OrderedDict"): collections.OrderedDict,
    ("torch._utils", "_rebuild_tensor"): _rebuild_tensor,
    ("torch._utils", "_rebuild_tensor_v2"): _rebuild_tensor,
    **{("torch", name): dtype for name, dtype in TORCH_DTYPES.items()},
}


class _ArraysOnly(pickle.Unpickler):
    def __init__(self, stream, names, load_storage=None):
        super().__init__(stream, encoding="latin1")
        self._names = names
        self._load_storage = load_storage

    def read(self):
        try:
            return self.load()
        except WeightsError:
            raise
        except Exception as error:
            raise WeightsError(f"not a pickle of arrays: {error}") from None

    def find_class(self, module, name):
        if (module, name) not in self._names:
            raise WeightsError(
                f"a pickle asks for {module}.{name}; only arrays are read"
            )
        return self._names[module, name]

    def persistent_load(self, identity):
        if self._load_storage is None:
            raise WeightsError("a pickle refers to something outside itself")
        return self._load_storage(identity)


def _flatten(tree, prefix, arrays):
    if not isinstance(tree, dict):
        raise WeightsError("the file holds no arrays by name")
    for name, value in tree.items():
        path = f"{prefix}{name}"
        if isinstance(value, dict):
            _flatten(value, f"{path}/", arrays)
        elif isinstance(value, np.ndarray):
            arrays[path] = np.array(value, subok=False)
        elif not path.endswith("_metadata"):
            raise WeightsError(f"{path} is no array")
