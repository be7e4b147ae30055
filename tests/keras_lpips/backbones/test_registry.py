"""The backbones: shapes of the paper, smallest sizes, cut at the taps."""

import keras
import numpy as np
import pytest

from keras_lpips import LPIPS, LPIPSLoss, LPIPSMetric, WeightsError
from keras_lpips.backbones.backbone import Backbone
from keras_lpips.backbones.registry import (
    BACKBONES,
    build_backbone,
    find_backbone,
)
from keras_lpips.backbones.stages import split_at_taps

TAP_SIZES_AT_64 = {
    "alex": (15, 7, 3, 3, 3),
    "vgg": (64, 32, 16, 8, 4),
    "squeeze": (31, 15, 7, 3, 3, 3, 3),
}
PARAMETERS = {"alex": 2_469_696, "vgg": 14_714_688, "squeeze": 722_496}


def image(height, width, seed=0):
    generator = np.random.default_rng(seed)
    return generator.uniform(-2, 2, (1, height, width, 3)).astype(np.float32)


@pytest.mark.parametrize("net", BACKBONES)
def test_taps_have_the_sizes_and_channels_of_the_table(net):
    backbone = build_backbone(net, seed=0)
    shapes = [tuple(tap.shape[1:]) for tap in backbone(image(64, 64))]
    sizes = zip(TAP_SIZES_AT_64[net], BACKBONES[net].tap_channels, strict=True)
    assert shapes == [(side, side, channels) for side, channels in sizes]
    assert backbone.count_params() == PARAMETERS[net]


@pytest.mark.parametrize("net", BACKBONES)
def test_smallest_size_is_the_smallest_that_leaves_a_pixel(net):
    smallest = BACKBONES[net].smallest_size
    backbone = build_backbone(net, seed=0)
    taps = backbone(image(smallest, smallest))
    assert min(tap.shape[1] for tap in taps) == 1
    below = backbone.compute_output_shape((1, smallest, smallest + 9, 3))
    assert all(min(shape[1:3]) >= 1 for shape in below)
    with pytest.raises(Exception, match="(?i)negative|must be|shape|output"):
        taps = backbone(image(smallest - 1, smallest - 1))
        # Some kernels return an empty tap instead of failing.
        if min(tap.shape[1] for tap in taps) < 1:
            raise ValueError("a tap is empty: negative output size")


@pytest.mark.parametrize(
    ("net", "size", "taps"),
    [
        ("alex", (64, 64), [(30, 30), (15, 15)] + 3 * [(8, 8)]),
        ("alex", (65, 97), [(31, 47), (16, 24)] + 3 * [(8, 12)]),
        ("alex", (21, 21), [(9, 9), (5, 5)] + 3 * [(3, 3)]),
        ("vgg", (64, 64), [(64, 64), (33, 33), (17, 17), (9, 9), (5, 5)]),
        ("vgg", (65, 97), [(65, 97), (33, 49), (17, 25), (9, 13), (5, 7)]),
        ("vgg", (18, 18), [(18, 18), (10, 10), (6, 6), (4, 4), (3, 3)]),
    ],
)
def test_taps_of_shift_tolerant_backbones_have_the_published_sizes(
    net, size, taps
):
    entry = find_backbone(net, "st")
    backbone = build_backbone(net, seed=0, version="st")
    found = [tap.shape[1:] for tap in backbone(image(*size))]
    expected = zip(taps, entry.tap_channels, strict=True)
    assert found == [(*tap, channels) for tap, channels in expected]
    shapes = backbone.compute_output_shape((1, *size, 3))
    assert [tuple(shape[1:3]) for shape in shapes] == taps
    assert backbone.count_params() == PARAMETERS[net]
    assert len(split_at_taps(backbone)) == len(taps)
    smallest = entry.smallest_size
    with pytest.raises(ValueError, match="at least 3 x 3"):
        backbone.compute_output_shape((1, smallest - 1, smallest, 3))
        backbone(image(smallest - 1, smallest))


@pytest.mark.parametrize("side", range(17, 41))
def test_squeezenets_pools_count_the_last_partial_window(side):
    # torch: ceil((n - 3) / 2) + 1 windows after the first convolution.
    first = (side - 3) // 2 + 1
    second = -(-(first - 3) // 2) + 1
    third = -(-(second - 3) // 2) + 1
    fourth = -(-(third - 3) // 2) + 1
    taps = build_backbone("squeeze", seed=0)(image(side, 64))
    heights = [tap.shape[1] for tap in taps]
    assert heights == [first, second, third, *[fourth] * 4]


@pytest.mark.parametrize("net", BACKBONES)
def test_pieces_in_turn_are_the_whole(net):
    backbone = build_backbone(net, seed=1)
    features = image(65, 78)
    stages = split_at_taps(backbone)
    assert len(stages) == len(BACKBONES[net].taps)
    for stage, tap in zip(stages, backbone(image(65, 78)), strict=True):
        features = stage(features)
        np.testing.assert_array_equal(features, tap)


def test_taps_that_are_no_chain_stay_together():
    x = keras.Input((None, None, 3))
    a = keras.layers.Conv2D(2, 1)(x)
    b = keras.layers.Conv2D(2, 1)(a)
    model = keras.Model(x, [b, keras.layers.Add()([a, b])])
    assert split_at_taps(model) == [model]


def test_taps_beside_each_other_stay_together():
    x = keras.Input((None, None, 3))
    a = keras.layers.Conv2D(2, 1)(x)
    b = keras.layers.Conv2D(2, 1)(x)
    model = keras.Model(x, [a, b])
    assert split_at_taps(model) == [model]


def test_the_names_of_the_convolutions_tell_the_nets_apart():
    # A file of weights does not name its net.
    names = {frozenset(known.convolutions) for known in BACKBONES.values()}
    assert len(names) == len(BACKBONES)


@pytest.fixture
def tiny(monkeypatch):
    """A registered backbone without published weights or heads."""

    def build(stack):
        stack.convolution("first", 4, 3, stride=2)
        stack.convolution("second", 8, 3, padding=1)

    backbone = Backbone(
        name="tiny",
        taps=("first", "second"),
        tap_channels=(4, 8),
        smallest_size=3,
        convolutions={"first": "features.0", "second": "features.2"},
        build=build,
        initializers=BACKBONES["vgg"].initializers,
    )
    monkeypatch.setitem(BACKBONES, "tiny", backbone)
    return "tiny"


def test_a_net_without_published_weights_or_heads_can_be_used(tiny):
    random = {"backbone_weights": "random", "seed": 0}
    pair = image(9, 10), image(9, 10, seed=1)
    assert LPIPS(tiny, calibrated=False, **random)(*pair) > 0
    trained = LPIPS(tiny, head_weights="random", **random)
    assert LPIPS.from_config(trained.get_config())(*pair) == trained(*pair)
    with pytest.raises(WeightsError, match="No heads .* for 'tiny'"):
        LPIPS(tiny, **random)
    for make in (LPIPS, LPIPSLoss, LPIPSMetric):
        with pytest.raises(WeightsError, match="No pretrained weights .*tiny"):
            make(tiny, calibrated=False)


def test_initial_weights_are_torchvisions():
    alex = build_backbone("alex", seed=0).get_layer("conv2")
    bound = (5 * 5 * 64) ** -0.5
    for weight in alex.get_weights():
        assert np.abs(weight).max() <= bound
        assert np.std(weight) == pytest.approx(bound / 3**0.5, rel=0.15)
    vgg = build_backbone("vgg", seed=0).get_layer("conv3_1")
    deviation = (2 / (9 * 256)) ** 0.5
    assert np.std(vgg.get_weights()[0]) == pytest.approx(deviation, rel=0.02)
    assert not vgg.get_weights()[1].any()
    fire = build_backbone("squeeze", seed=0).get_layer("fire9_expand3x3")
    limit = (6 / (9 * 64)) ** 0.5
    assert 0.9 * limit < np.abs(fire.get_weights()[0]).max() <= limit


def test_the_same_seed_gives_the_same_weights():
    for a, b in zip(
        build_backbone("alex", seed=3).get_weights(),
        build_backbone("alex", seed=3).get_weights(),
        strict=True,
    ):
        np.testing.assert_array_equal(a, b)


def test_an_unknown_net_is_named_with_the_known_ones():
    with pytest.raises(ValueError, match="alex.*squeeze.*vgg.*net='resnet'"):
        find_backbone("resnet")
