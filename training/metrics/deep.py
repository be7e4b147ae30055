"""LPIPS and other distances of deep features."""

import keras
import numpy as np

from keras_lpips.backbones.registry import (
    BACKBONES,
    build_backbone,
    find_backbone,
)
from keras_lpips.inference.jit import compile_function
from keras_lpips.layers.dists import DISTS
from keras_lpips.layers.lpips import LPIPS
from keras_lpips.weights.npz import WeightsError, check_keys, read_npz
from training.metrics.metric import Metric
from training.model.custom_taps import VALUE_RANGE, build_lpips

# Smaller batches are padded, which is faster than compiling for their size.
SMALLEST_BATCH = 16


class DeepMetric(Metric):
    """A layer as a metric; each image runs through the backbone once.

    Args:
        name: name of the metric.
        lpips: `LPIPS` or `DISTS`, of `value_range=(0, 255)`.
    """

    def __init__(self, name: str, lpips: LPIPS | DISTS):
        self.name = name
        self.lpips = lpips

        def pair(reference, distorted):
            return lpips.compare(*map(lpips.embed, (reference, distorted)))

        def triplet(reference, distorted0, distorted1):
            reference = lpips.embed(reference)
            return (
                lpips.compare(reference, lpips.embed(distorted0)),
                lpips.compare(reference, lpips.embed(distorted1)),
            )

        self._pair = compile_function(pair, lpips.variables)
        self._triplet = compile_function(triplet, lpips.variables)
        self._map = compile_function(lpips.spatial_map, lpips.variables)

    def distances(self, reference, distorted):
        """Returns the distance of each pair."""
        return _float64(self._pair(*_padded(reference, distorted)))[
            : len(reference)
        ]

    def two_distances(self, reference, distorted0, distorted1):
        """Returns a triplet's two distances from three passes."""
        batches = _padded(reference, distorted0, distorted1)
        distances = map(_float64, self._triplet(*batches))
        return tuple(values[: len(reference)] for values in distances)

    def heat_map(self, reference, distorted):
        """Returns LPIPS's spatial map, `(height, width)`; DISTS has none."""
        if isinstance(self.lpips, DISTS):
            return super().heat_map(reference, distorted)
        return _float64(self._map(reference[None], distorted[None]))[0]


def published_lpips(net, version="0.1", calibrated=True, taps=None) -> LPIPS:
    """Returns the layer with pretrained backbone and published heads.

    Args:
        net: name of the backbone.
        version: "0.1", "0.0" or "st".
        calibrated: whether the heads weigh the features.
        taps: names of layers. Layers that are not taps of the net have no
            heads and need `calibrated=False`. Defaults to `None`, the net's
            own taps.
    """
    return build_lpips(
        net, taps, version=version, calibrated=calibrated, dtype="float32"
    )


def untrained_lpips(net, seed=0, taps=None, version="0.1") -> LPIPS:
    """Returns the paper's "Gaussian": an untrained backbone, w = 1.

    Kernels are drawn from N(0, 2 / fan_in) and biases are 0. Features are
    normalized and ReLU is homogeneous, so the variance does not matter.

    Args:
        net: name of the backbone.
        seed: seed of the kernels. Defaults to 0.
        taps: names of layers. Defaults to `None`, the net's own.
        version: version of LPIPS that the backbone belongs to. Defaults to
            "0.1".
    """
    backbone = build_backbone(net, "float32", version=version)
    rng = np.random.default_rng(seed)
    for layer in backbone.layers:
        for variable in layer.weights:
            value = np.zeros(variable.shape, np.float32)
            if variable.name == "kernel":
                deviation = (2 / np.prod(variable.shape[:-1])) ** 0.5
                value = rng.normal(0, deviation, variable.shape)
            variable.assign(value)
    taps = taps or find_backbone(net, version).taps
    return _uncalibrated(backbone, taps)


def load_lpips(path, taps=None) -> LPIPS:
    """Returns a layer with backbone weights from a file, w = 1.

    Args:
        path: an `.npz` of `<layer>/<weight>`; the names of the layers
            determine the net.
        taps: names of layers. Defaults to `None`, the net's own.

    Raises:
        WeightsError: if the file is missing or matches no net.
    """
    try:
        arrays = read_npz(path)
    except FileNotFoundError:
        raise WeightsError(f"{path} does not exist") from None
    layers = {name.partition("/")[0] for name in arrays}
    nets = [
        net
        for net, backbone in BACKBONES.items()
        if layers == set(backbone.convolutions)
    ]
    if not nets:
        raise WeightsError(f"{path} does not hold the weights of a known net")
    backbone = build_backbone(nets[0], "float32")
    check_keys(arrays, backbone_shapes(backbone), str(path))
    for layer in backbone.layers:
        for variable in layer.weights:
            variable.assign(arrays[f"{layer.name}/{variable.name}"])
    return _uncalibrated(backbone, taps or find_backbone(nets[0]).taps)


def backbone_shapes(backbone) -> dict[str, tuple]:
    """Returns the shapes of a backbone's weights by `<layer>/<weight>`."""
    return {
        f"{layer.name}/{variable.name}": tuple(variable.shape)
        for layer in backbone.layers
        for variable in layer.weights
    }


def _uncalibrated(backbone, taps):
    return LPIPS(
        backbone,
        calibrated=False,
        taps=taps,
        value_range=VALUE_RANGE,
        dtype="float32",
    )


def _padded(*batches):
    """Pads batches to a power of two, so that few sizes are compiled."""
    count = len(batches[0])
    size = max(SMALLEST_BATCH, 1 << (count - 1).bit_length())
    surplus = size - count
    return [np.pad(x, [(0, surplus)] + 3 * [(0, 0)], "edge") for x in batches]


def _float64(tensor):
    return keras.ops.convert_to_numpy(tensor).astype(np.float64)
