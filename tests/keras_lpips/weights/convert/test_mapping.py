import numpy as np
import pytest

from keras_lpips import WeightsError
from keras_lpips.backbones.registry import (
    BACKBONES,
    build_backbone,
    find_backbone,
)
from keras_lpips.weights.convert.mapping import (
    backbone_and_heads_from_st,
    backbone_from_features,
    backbone_from_flax,
    backbone_from_torchvision,
    heads_from_torch,
)

NETS = sorted(BACKBONES)
FLAX_SCOPES = {
    net: backbone.weights.flax_scope
    for net, backbone in BACKBONES.items()
    if backbone.weights and backbone.weights.flax_scope
}


def ours(net):
    """Different numbers for every kernel and bias, by our names."""
    weights = {
        f"{layer.name}/{variable.name}": variable.shape
        for layer in build_backbone(net, seed=0).layers
        for variable in layer.weights
    }
    rng = np.random.default_rng(0)
    return {
        name: rng.random(shape, np.float32) for name, shape in weights.items()
    }


def foreign(net, style):
    """The same by another project's names, in its layout."""
    arrays, found = ours(net), {}
    for i, (layer, number) in enumerate(BACKBONES[net].convolutions.items()):
        kernel, bias = arrays[f"{layer}/kernel"], arrays[f"{layer}/bias"]
        if style == "torchvision":
            found[f"{number}.weight"] = kernel.transpose(3, 2, 0, 1)
            found[f"{number}.bias"] = bias
        elif style == "features":
            found |= {f"{number}.kernel": kernel, f"{number}.bias": bias}
        else:
            scope = f"{FLAX_SCOPES[net]}/Conv_{i}"
            found |= {f"{scope}/kernel": kernel, f"{scope}/bias": bias}
    return found


CASES = [
    *((net, "torchvision", backbone_from_torchvision) for net in NETS),
    *((net, "features", backbone_from_features) for net in NETS),
    *((net, "flax", backbone_from_flax) for net in FLAX_SCOPES),
]


@pytest.mark.parametrize(("net", "style", "convert"), CASES)
def test_every_number_finds_its_place(net, style, convert):
    arrays, expected = foreign(net, style), ours(net)
    extra = {"torchvision": "classifier.1.weight", "flax": "NetLinLayer_0/x"}
    if style in extra:
        arrays[extra[style]] = np.zeros(3)
    found = convert(net, arrays)
    assert set(found) == set(expected)
    for name, array in expected.items():
        np.testing.assert_array_equal(found[name], array, strict=True)
        assert found[name].flags.c_contiguous


@pytest.mark.parametrize(("net", "style", "convert"), CASES)
def test_missing_and_unknown_names_are_rejected(net, style, convert):
    arrays = foreign(net, style)
    name = list(arrays)[3]
    with pytest.raises(WeightsError, match="is missing for"):
        convert(net, {k: v for k, v in arrays.items() if k != name})
    with pytest.raises(WeightsError, match=r"unknown weights .*\['extra/x'\]"):
        convert(net, {**arrays, "extra/x": arrays[name]})
    flat = list(arrays)[0]
    with pytest.raises(
        WeightsError, match="is not the kernel of a convolution"
    ):
        convert(net, {**arrays, flat: arrays[flat].reshape(-1)})


@pytest.mark.parametrize("net", NETS)
def test_heads_are_strict_both_ways(net):
    backbone = BACKBONES[net]
    arrays = {
        f"lin{i}.model.1.weight": np.full((1, count, 1, 1), i, np.float64)
        for i, count in enumerate(backbone.tap_channels)
    }
    found = heads_from_torch(net, arrays)
    assert list(found) == [f"{tap}/kernel" for tap in backbone.taps]
    for i, (array, count) in enumerate(
        zip(found.values(), backbone.tap_channels, strict=True)
    ):
        np.testing.assert_array_equal(
            array, np.full(count, i, np.float32), strict=True
        )
    with pytest.raises(WeightsError, match="unknown"):
        heads_from_torch(net, {**arrays, "lin9.model.1.weight": array})
    arrays.popitem()
    with pytest.raises(WeightsError, match="missing"):
        heads_from_torch(net, arrays)


@pytest.fixture(scope="module")
def shift_tolerant():
    """Arrays by the names of the package of version "st", and those of alex."""
    entry = find_backbone("alex", "st")
    backbone = build_backbone("alex", seed=0, version="st")
    arrays, expected = {}, {}
    for ours, theirs in entry.convolutions.items():
        kernel, bias = backbone.get_layer(ours).get_weights()
        expected |= {f"{ours}/kernel": kernel, f"{ours}/bias": bias}
        arrays[f"{theirs}.weight"] = kernel.transpose(3, 2, 0, 1)
        arrays[f"{theirs}.bias"] = bias
    shapes = zip(entry.taps, entry.tap_channels, strict=True)
    for k, (_, channels) in enumerate(shapes):
        weights = np.full((1, channels, 1, 1), k, np.float32)
        arrays[f"lin{k}.model.1.weight"] = weights
    blur = np.float32([[1, 2, 1], [2, 4, 2], [1, 2, 1]]) / 16
    for name, channels in (("1.1", 64), ("2.4", 64), ("3.8", 192)):
        filters = np.tile(blur, (channels, 1, 1, 1))
        arrays[f"net.slice{name}.filt"] = filters
    for name, values in (
        ("shift", [-0.030, -0.088, -0.188]),
        ("scale", [0.458, 0.448, 0.450]),
    ):
        values = np.float32(values).reshape(1, 3, 1, 1)
        arrays[f"scaling_layer.{name}"] = values
    return arrays, expected


def test_a_shift_tolerant_file_has_backbone_and_heads(shift_tolerant):
    arrays, expected = shift_tolerant
    backbone, heads = backbone_and_heads_from_st("alex", arrays)
    assert set(backbone) == set(expected)
    for name, array in expected.items():
        np.testing.assert_array_equal(backbone[name], array, strict=True)
    taps = [f"{tap}/kernel" for tap in find_backbone("alex", "st").taps]
    assert list(heads) == taps
    assert [array[0] for array in heads.values()] == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("net.slice2.4.filt", "slice2.4.filt of 'alex' is not the expected"),
        ("scaling_layer.shift", "shift of 'alex' is not the expected"),
        ("net.slice9.9.weight", "unknown weights .*slice9.9"),
        ("lin5.model.1.weight", "heads of 'alex' does not match"),
    ],
)
def test_other_constants_or_names_in_it_are_an_error(
    shift_tolerant, name, message
):
    arrays, _ = shift_tolerant
    changed = arrays.get(name, np.zeros((1, 3, 1, 1), np.float32)) + 1e-3
    with pytest.raises(WeightsError, match=message):
        backbone_and_heads_from_st("alex", {**arrays, name: changed})
