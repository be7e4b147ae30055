"""Every stage of the distance, against the reference with equal weights."""

import pytest

from keras_lpips.inference.jit import compile_function

SMALLEST = {"alex": 31, "vgg": 16, "squeeze": 17}
SIZES = {
    "smallest": None,
    "33x32": (33, 32),
    "64x64": (64, 64),
    "63x100": (63, 100),
    "129x130": (129, 130),
    "257x257": (257, 257),
}


@pytest.fixture(params=list(SIZES))
def size(request, net):
    return SIZES[request.param] or (SMALLEST[net], SMALLEST[net])


@pytest.mark.parametrize("batch", [1, 2, 7])
def test_every_tap_equals_the_reference(
    net, batch, size, make_twins, draw_pair, agree
):
    twins = make_twins(net, "v0.1")
    images, _ = draw_pair((batch, *size, 3))
    scaled, theirs, units = twins.theirs("taps", images)
    taps = twins.ours.backbone(scaled)
    for ours, tap in zip(taps, theirs, strict=True):
        agree("tap", net, ours, tap, relative=True)
    for ours, unit in zip(twins.ours.embed(images), units, strict=True):
        agree("tap of unit length", net, ours, unit)


@pytest.mark.parametrize("batch", [1, 2, 7])
def test_the_compiled_distance_equals_the_reference(
    net, variant, batch, size, make_twins, draw_pair, agree
):
    twins = make_twins(net, variant)
    pair = draw_pair((batch, *size, 3))
    theirs = twins.theirs("distance", *pair)
    ours = compile_function(twins.ours, twins.ours.variables)(*pair)
    agree("distance", net, ours, theirs, relative=True)


def test_the_share_of_each_tap_equals_the_reference(
    net, variant, size, make_twins, draw_pair, agree
):
    twins = make_twins(net, variant)
    pair = draw_pair((2, *size, 3))
    theirs = twins.theirs("per_layer", *pair)
    ours = twins.ours.per_layer(*pair)
    agree("tap's share of the distance", net, ours, theirs, relative=True)


@pytest.mark.parametrize("size", [(64, 64), (63, 100)], ids=str)
def test_the_spatial_map_equals_the_reference(
    net, variant, size, make_twins, draw_pair, agree
):
    twins = make_twins(net, variant, spatial=True)
    pair = draw_pair((2, *size, 3))
    theirs = twins.theirs("distance", *pair)
    ours = twins.ours(*pair)
    agree("spatial map", net, ours, theirs, relative=True)
