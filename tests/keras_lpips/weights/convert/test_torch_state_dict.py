import io
import os
import pickle
import pickletools
import sys
import types
import zipfile
from collections import OrderedDict

import numpy as np
import pytest

from keras_lpips import WeightsError
from keras_lpips.weights.convert.torch_state_dict import read_torch_pickle

VALUES = np.arange(24, dtype=np.float32)


class Storage:
    def __init__(self, key="0", count=24, kind="storage", dtype="FloatStorage"):
        self.identity = kind, dtype, key, "cpu", count


class Tensor:
    """Is written as torch writes a tensor."""

    def __init__(self, shape, strides, offset=0, storage=None):
        storage = storage or Storage()
        self.arguments = storage, offset, shape, strides, False, OrderedDict()

    def __reduce__(self):
        return sys.modules["torch._utils"]._rebuild_tensor_v2, self.arguments


@pytest.fixture
def save(monkeypatch):
    """Writes a file as torch does, with stand-ins for torch's names."""
    torch, utils = types.ModuleType("torch"), types.ModuleType("torch._utils")

    def rebuild(*arguments):
        raise NotImplementedError

    rebuild.__module__, rebuild.__qualname__ = (
        utils.__name__,
        "_rebuild_tensor_v2",
    )
    utils._rebuild_tensor_v2 = rebuild
    for name in ("FloatStorage", "BoolStorage"):
        kind = type(name, (), {"__module__": "torch"})
        setattr(torch, name, kind)
    monkeypatch.setitem(sys.modules, "torch", torch)
    monkeypatch.setitem(sys.modules, "torch._utils", utils)

    class Pickler(pickle.Pickler):
        def persistent_id(self, value):
            if not isinstance(value, Storage):
                return None
            kind, dtype, *rest = value.identity
            return kind, getattr(torch, dtype), *rest

    def dump(content):
        stream = io.BytesIO()
        Pickler(stream, 2).dump(content)
        return stream.getvalue()

    def save(content, values=VALUES, zipped=True):
        data = dump(content)
        if not zipped:
            heads = (0x1950A86A20F9469CFC6C, 1001, {"little_endian": True})
            parts = [pickle.dumps(head, 2) for head in heads]
            size = values.size.to_bytes(8, "little")
            parts += [data, pickle.dumps(["0"], 2), size, values.tobytes()]
            return b"".join(parts)
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w") as archive:
            archive.writestr("archive/data.pkl", data)
            archive.writestr("archive/data/0", values.tobytes())
        return stream.getvalue()

    return save


@pytest.mark.parametrize("zipped", [True, False])
def test_tensors_are_views_of_their_storage(save, zipped):
    content = OrderedDict(
        whole=Tensor((2, 3, 4), (12, 4, 1)),
        turned=Tensor((4, 3), (1, 4), offset=12),
        scalar=Tensor((), (), offset=5),
    )
    found = read_torch_pickle(save(content, zipped=zipped))
    whole = VALUES.reshape(2, 3, 4)
    np.testing.assert_array_equal(found["whole"], whole, strict=True)
    np.testing.assert_array_equal(found["turned"], whole[1].T, strict=True)
    assert found["scalar"].shape == () and found["scalar"] == 5


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize(
    "tensor",
    [
        Tensor((25,), (1,)),
        Tensor((2,), (24,)),
        Tensor((1,), (1,), offset=24),
        Tensor((1,), (1,), offset=-1),
        Tensor((2,), (-1,), offset=5),
        Tensor((-2,), (1,)),
        Tensor((2, 3), (1,)),
        Tensor((10**13,), (0,)),
        Tensor((2,), (1,), storage=Storage(count=10**12)),
        Tensor((2,), (1,), storage=Storage(key="../../1")),
        Tensor((2,), (1,), storage=Storage(kind="module")),
        Tensor((2,), (1,), storage=Storage(dtype="BoolStorage")),
        Tensor((2,), (1,), storage={"no": "storage"}),
        [1.0],
        3,
    ],
)
def test_what_is_outside_the_file_is_rejected(save, tensor, zipped):
    with pytest.raises(WeightsError):
        read_torch_pickle(save({"a": tensor}, zipped=zipped))


class Command:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.system, (f"touch '{self.path}'",)


@pytest.mark.parametrize("zipped", [True, False])
def test_no_call_is_made(save, tmp_path, zipped):
    path = tmp_path / "was here"
    for content in (Command(path), {"a": Command(path)}, {Command(path): 1}):
        with pytest.raises(WeightsError, match="only arrays are read"):
            read_torch_pickle(save(content, zipped=zipped))
    assert not path.exists()


def test_no_call_is_made_in_the_heads_of_a_legacy_file(tmp_path):
    path = tmp_path / "was here"
    data = pickle.dumps(Command(path), 2)
    magic = pickle.dumps(0x1950A86A20F9469CFC6C, 2)
    for file in (data, magic + data, magic + pickle.dumps(1001, 2) + data):
        with pytest.raises(WeightsError, match="only arrays are read"):
            read_torch_pickle(file)
    assert not path.exists()


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("share", [0, 0.1, 0.5, 0.9, 0.99])
def test_a_cut_file_is_rejected(save, zipped, share):
    file = save({"a": Tensor((24,), (1,))}, zipped=zipped)
    with pytest.raises(WeightsError):
        read_torch_pickle(file[: int(share * len(file))])


def test_an_archive_that_is_none_of_torchs_is_rejected():
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("a.txt", "text")
    with pytest.raises(WeightsError, match="no data.pkl inside"):
        read_torch_pickle(stream.getvalue())


def test_the_test_writes_torchs_own_names(save):
    file = save({"a": Tensor((24,), (1,))})
    with zipfile.ZipFile(io.BytesIO(file)) as archive:
        operations = pickletools.genops(archive.read("archive/data.pkl"))
        names = {x[1] for x in operations if x[0].name == "GLOBAL"}
    assert {"torch._utils _rebuild_tensor_v2", "torch FloatStorage"} <= names
