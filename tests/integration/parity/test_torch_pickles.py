"""Our reader of torch's files, against torch's own writer."""

import functools
import io
import os
from collections import OrderedDict

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="make parity installs torch")

from keras_lpips.weights.convert.torch_state_dict import (  # noqa: E402
    read_torch_pickle,
)
from keras_lpips.weights.npz import WeightsError  # noqa: E402

BASE = torch.arange(24, dtype=torch.float32).reshape(2, 3, 4)
TENSORS = {
    "whole": BASE,
    "the same storage": BASE,
    "an offset": BASE[1],
    "transposed": BASE.permute(2, 0, 1),
    "every other": BASE[:, ::2, 1::2],
    "one value repeated": torch.ones(1).expand(5),
    "a scalar": torch.tensor(3.0),
    "empty": torch.zeros(0, 3),
    "float64": torch.linspace(0, 1, 5, dtype=torch.float64),
    "float16": torch.linspace(0, 1, 5).half(),
    "int64": torch.tensor([1, -2, 2**40]),
}


@pytest.fixture(params=["zip", "legacy"])
def save(request):
    return functools.partial(_save, zipped=request.param == "zip")


@pytest.mark.parametrize("container", [dict, OrderedDict])
def test_every_kind_of_tensor_is_read(save, container):
    read = read_torch_pickle(save(container(TENSORS)))
    assert list(read) == list(TENSORS)
    for name, array in read.items():
        expected = TENSORS[name].numpy()
        np.testing.assert_array_equal(array, expected, strict=True)


def test_arrays_of_one_storage_do_not_share_memory(save):
    read = read_torch_pickle(save({"whole": BASE, "part": BASE[1]}))
    read["part"][:] = 0
    np.testing.assert_array_equal(read["whole"], BASE.numpy())


def test_a_modules_state_is_read(save):
    state = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 5)).state_dict()
    read = read_torch_pickle(save(state))
    assert sorted(read) == ["0.bias", "0.weight"]
    for name, array in read.items():
        np.testing.assert_array_equal(array, state[name].numpy())


class OldTensor:
    """Is written as torch before 0.4 wrote tensors: vgg16-397923af.pth."""

    def __reduce__(self):
        storage = BASE._typed_storage()
        rebuild = torch._utils._rebuild_tensor
        return rebuild, (storage, 4, (3, 2), (4, 2))


def test_tensors_of_torchs_first_years_are_read(save):
    read = read_torch_pickle(save({"weight": OldTensor()}))
    expected = BASE.numpy().reshape(6, 4)[1:4, ::2]
    np.testing.assert_array_equal(read["weight"], expected, strict=True)


class Thief:
    """Runs a command where a pickle is read without care."""

    def __reduce__(self):
        return os.system, ("false",)


@pytest.mark.parametrize(
    "content",
    [
        torch.nn.Linear(2, 2),
        {"weight": Thief()},
        {"weight": 3},
        {"weight": [BASE]},
        {"weight": torch.ones(2).to_sparse()},
        {"weight": torch.ones(2, dtype=torch.complex64)},
        [BASE],
        BASE,
        "a sentence",
    ],
    ids=lambda content: type(content).__name__,
)
def test_what_is_no_tensor_by_name_is_refused(save, content):
    with pytest.raises(WeightsError):
        read_torch_pickle(save(content))


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 0.99])
def test_a_cut_file_is_refused(save, share):
    file = save({"whole": BASE, "more": torch.ones(100)})
    with pytest.raises(WeightsError):
        read_torch_pickle(file[: int(len(file) * share)])


def _save(content, zipped):
    file = io.BytesIO()
    torch.save(content, file, _use_new_zipfile_serialization=zipped)
    return file.getvalue()
