"""Our reader of torch's files, against torch's own writer."""

import functools

import numpy as np
import pytest

from keras_lpips.weights.convert.torch_state_dict import read_torch_pickle
from keras_lpips.weights.npz import WeightsError


@pytest.fixture(params=["zip", "legacy"])
def save(request, reference):
    """A function from a key of `PICKLES` to the file and its arrays."""
    zipped = request.param == "zip"
    return functools.partial(reference.call, "pickle", zipped=zipped)


@pytest.mark.parametrize("content", ["dict", "OrderedDict"])
def test_every_kind_of_tensor_is_read(save, content):
    file, expected = save(content)
    read = read_torch_pickle(file)
    assert list(read) == list(expected)
    assert len(read) == 11
    for name, array in read.items():
        np.testing.assert_array_equal(array, expected[name], strict=True)


def test_arrays_of_one_storage_do_not_share_memory(save):
    file, expected = save("shared storage")
    read = read_torch_pickle(file)
    read["part"][:] = 0
    np.testing.assert_array_equal(read["whole"], expected["whole"])


def test_the_state_of_a_module_is_read(save):
    file, expected = save("state of a module")
    read = read_torch_pickle(file)
    assert sorted(read) == ["0.bias", "0.weight"]
    for name, array in read.items():
        np.testing.assert_array_equal(array, expected[name])


def test_tensors_of_the_first_releases_of_torch_are_read(save):
    file, _ = save("tensor before torch 0.4")
    expected = np.arange(24, dtype=np.float32).reshape(6, 4)[1:4, ::2]
    read = read_torch_pickle(file)["weight"]
    np.testing.assert_array_equal(read, expected, strict=True)


@pytest.mark.parametrize(
    "content",
    [
        "a module",
        "a command",
        "a number",
        "a list by name",
        "a sparse tensor",
        "complex numbers",
        "a list",
        "a tensor",
        "a sentence",
    ],
)
def test_only_tensors_by_name_are_read(save, content):
    with pytest.raises(WeightsError):
        read_torch_pickle(save(content)[0])


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 0.99])
def test_a_truncated_file_is_rejected(save, share):
    file, _ = save("two tensors")
    with pytest.raises(WeightsError):
        read_torch_pickle(file[: int(len(file) * share)])
