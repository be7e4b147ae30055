"""The heads that ship with the package, against the reference's wheel."""

import numpy as np
import pytest

from keras_lpips.weights.convert.mapping import heads_from_torch
from keras_lpips.weights.convert.torch_state_dict import read_torch_pickle
from keras_lpips.weights.heads import read_heads


@pytest.mark.parametrize("version", ["0.1", "0.0"])
def test_our_heads_are_exactly_those_of_the_reference(net, version, reference):
    file, _ = reference.call("heads", net, version)
    theirs = heads_from_torch(net, read_torch_pickle(file))
    ours = read_heads(net, version)
    assert sorted(ours) == sorted(theirs)
    for tap in ours:
        np.testing.assert_array_equal(ours[tap], theirs[tap], strict=True)


@pytest.mark.parametrize("version", ["0.1", "0.0"])
def test_the_heads_file_reads_as_torch_reads_it(net, version, reference):
    file, theirs = reference.call("heads", net, version)
    ours = read_torch_pickle(file)
    assert list(ours) == list(theirs)
    for name, array in ours.items():
        np.testing.assert_array_equal(array, theirs[name], strict=True)
