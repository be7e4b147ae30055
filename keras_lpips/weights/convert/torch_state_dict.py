"""Reads state dictionaries of torch, zip or legacy, without torch."""

import collections
import io
import math
import zipfile

import numpy as np

from keras_lpips.weights.convert.safe_unpickle import (
    ArrayUnpickler,
    PickleStub,
    flatten,
)
from keras_lpips.weights.npz import WeightsError

LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
# More values would be a strided view made to exhaust the memory.
MAX_TENSOR_VALUES = 1 << 28


def read_torch_pickle(data: bytes) -> dict[str, np.ndarray]:
    """Reads a torch state dictionary.

    Args:
        data: the file's bytes, whose digest the caller has checked.

    Returns:
        Arrays by the names that they have in the file.

    Raises:
        WeightsError: if it holds anything but tensors by name.
    """
    stream = io.BytesIO(data)
    read = _read_zip if zipfile.is_zipfile(stream) else _read_legacy
    stream.seek(0)
    try:
        return flatten(read(stream))
    except WeightsError:
        raise
    except Exception as error:
        raise WeightsError(f"not a complete torch file: {error}") from None


def _read_zip(stream):
    with zipfile.ZipFile(stream) as archive:
        roots = [n for n in archive.namelist() if n.endswith("/data.pkl")]
        if len(roots) != 1:
            raise WeightsError("not a torch file: no data.pkl inside")
        root = roots[0].removesuffix("data.pkl")

        def load_storage(identity):
            dtype, key, count = _storage(identity)
            values = np.frombuffer(archive.read(f"{root}data/{key}"), dtype)
            if values.size != count:
                raise WeightsError("a storage has an unexpected size")
            return values

        data = archive.read(roots[0])
        return ArrayUnpickler(
            io.BytesIO(data), TORCH_NAMES, load_storage
        ).read()


def _read_legacy(stream):
    """Reads the legacy format: header, pickled tree, keys, storages.

    The tree refers to storages that follow it, so it is read twice: first to
    find their dtypes, then, once the storages are read, for its tensors.
    """
    if ArrayUnpickler(stream, {}).read() != LEGACY_MAGIC:
        raise WeightsError("not a torch file: neither zip nor legacy")
    for _ in ("protocol version", "system"):
        ArrayUnpickler(stream, {}).read()
    start = stream.tell()
    expected = {}

    def record_storage(identity):
        dtype, key, count = _storage(identity)
        expected[key] = dtype, count
        return None

    ArrayUnpickler(stream, TORCH_NAMES, record_storage).read()
    storages = {}
    for key in ArrayUnpickler(stream, {}).read():
        dtype, count = expected[key]
        if int.from_bytes(stream.read(8), "little") != count:
            raise WeightsError("a storage has an unexpected size")
        storages[key] = np.frombuffer(
            stream.read(count * dtype.itemsize), dtype
        )
        if storages[key].size != count:
            raise WeightsError("the file ends within a storage")
    stream.seek(start)
    return ArrayUnpickler(
        stream, TORCH_NAMES, lambda identity: storages[_storage(identity)[1]]
    ).read()


class Tensor(PickleStub):
    """Replaces `torch._utils._rebuild_tensor`, a view of a storage.

    Attributes:
        array: its values, or `None` if the storage is not read yet.
    """

    def __init__(self, storage, offset, shape, strides, *unused):
        del unused
        self.array = None
        if storage is None:
            return
        last = offset + sum(
            (n - 1) * step for n, step in zip(shape, strides, strict=True)
        )
        size = math.prod(shape)
        if (
            min((*shape, *strides, offset, 0)) < 0
            or size > MAX_TENSOR_VALUES
            or (size and last >= storage.size)
        ):
            raise WeightsError("a tensor reaches outside its storage")
        view = np.lib.stride_tricks.as_strided(
            storage[offset:], shape, [storage.itemsize * s for s in strides]
        )
        self.array = view.copy()


class Parameter(PickleStub):
    """Replaces `torch.nn.Parameter`, a tensor that can be trained.

    Attributes:
        array: the tensor's values.
    """

    def __init__(self, tensor, *unused):
        del unused
        self.array = tensor.array

    def __setstate__(self, state):
        """Ignores the gradients and hooks that old versions wrote."""


class Storage(PickleStub):
    """Replaces the storages of torch, one class for each dtype."""


STORAGES = {
    name: type(name, (Storage,), {"dtype": np.dtype(code)})
    for name, code in (
        ("FloatStorage", "<f4"),
        ("DoubleStorage", "<f8"),
        ("HalfStorage", "<f2"),
        ("LongStorage", "<i8"),
    )
}


TORCH_NAMES = {
    ("collections", "OrderedDict"): collections.OrderedDict,
    ("torch._utils", "_rebuild_tensor"): Tensor,
    ("torch._utils", "_rebuild_tensor_v2"): Tensor,
    ("torch._utils", "_rebuild_parameter"): Parameter,
    ("torch.nn.parameter", "Parameter"): Parameter,
    **{("torch", name): storage for name, storage in STORAGES.items()},
}


def _storage(identity):
    kind, storage, key, _, count = identity[:5]
    if kind != "storage" or storage not in STORAGES.values():
        raise WeightsError(
            "a torch file refers to an object that is not a storage"
        )
    return storage.dtype, str(key), int(count)
