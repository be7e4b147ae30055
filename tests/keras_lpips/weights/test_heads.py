import numpy as np
import pytest

from keras_lpips import WeightsError
from keras_lpips.weights import heads
from keras_lpips.weights.heads import read_heads

# Sums per tap of the published heads.
SUMS = {
    ("alex", "0.1"): (2.34953, 16.143, 39.2684, 27.1972, 20.3172),
    ("vgg", "0.1"): (6.92599, 8.85833, 17.515, 51.5213, 47.0349),
    ("squeeze", "0.1"): (
        *(5.6901, 1.18528, 16.3266, 71.0126),
        *(37.3707, 24.2629, 17.5906),
    ),
    ("alex", "0.0"): (2.56589, 10.2574, 22.4343, 16.3139, 13.9345),
    ("vgg", "0.0"): (3.64161, 1.96011, 1.1231, 20.1063, 25.6896),
    ("squeeze", "0.0"): (
        *(5.30184, 1.14521, 8.88509, 38.1125),
        *(22.9905, 15.4387, 13.0548),
    ),
}


@pytest.mark.parametrize(("net", "version"), SUMS)
def test_the_heads_are_the_published_ones(net, version):
    found = [array.sum() for array in read_heads(net, version).values()]
    np.testing.assert_allclose(found, SUMS[net, version], rtol=1e-5)


def test_damaged_heads_are_rejected(monkeypatch):
    arrays = read_heads("alex", "0.1")
    arrays["conv2/kernel"][3] += 1e-6
    monkeypatch.setattr(heads, "read_npz", lambda path: arrays)
    with pytest.raises(WeightsError, match="'alex', version 0.1, is damaged"):
        read_heads("alex", "0.1")
    del arrays["conv2/kernel"]
    with pytest.raises(WeightsError, match=r"missing \['conv2/kernel'\]"):
        read_heads("alex", "0.1")
