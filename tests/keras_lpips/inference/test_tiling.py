import numpy as np
import pytest
import skimage.data

from keras_lpips import ImageError, distance
from keras_lpips.backbones.receptive_field import common_stride, tap_grids
from keras_lpips.backbones.registry import BACKBONES, build_backbone
from keras_lpips.inference.scorer import as_signed_unit, get_scorer
from keras_lpips.inference.tiling import TiledScorer, cut_axis, smallest_tile

# Of a net, or of NET@VERSION.
SMALLEST_TILES = {
    "alex": 177,
    "vgg": 202,
    "squeeze": 215,
    "alex@st": 131,
    "vgg@st": 296,
}


@pytest.fixture(scope="module")
def pair():
    """A photograph and a noisy copy that is darker on one side."""
    sharp = skimage.data.astronaut()
    noise = np.random.default_rng(0).normal(0, 20, sharp.shape)
    shade = np.linspace(0.4, 1, sharp.shape[1])[:, None]
    return sharp, np.uint8(np.clip(sharp * shade + noise, 0, 255))


def test_all_backbones_are_listed():
    variants = [
        f"{net}@{version}"
        for net in BACKBONES
        for version in BACKBONES[net].variants
        if version != "dists"  # It has no tiles.
    ]
    assert [*BACKBONES, *variants] == list(SMALLEST_TILES)


@pytest.mark.parametrize("name", SMALLEST_TILES)
def test_what_is_kept_sees_what_it_sees_in_the_whole_image(name):
    net, _, version = name.partition("@")
    backbone = build_backbone(net, "float32", seed=0, version=version or "0.1")
    grids = [along_height for along_height, _ in tap_grids(backbone)]
    smallest = smallest_tile(grids)
    assert smallest == SMALLEST_TILES[name]
    random = np.random.default_rng(0)
    for _ in range(100):
        size = int(random.integers(32, 2000))
        tile = smallest + int(random.integers(0, 400))
        shapes = backbone.compute_output_shape((1, size, 64, 3))
        counts = [shape[1] for shape in shapes]
        spans = cut_axis(size, tile, grids, counts)
        assert (spans[0].start, spans[-1].stop) == (0, size)
        lengths = {span.stop - span.start for span in spans[:-1]}
        assert lengths <= {tile} and spans[-1].stop - spans[-1].start <= tile
        for tap, grid in enumerate(grids):
            positions = [span.positions[tap] for span in spans]
            assert [0, *(x.stop for x in positions)] == [
                *(x.start for x in positions),
                counts[tap],
            ]
            for span, place in zip(spans, positions, strict=True):
                assert span.start % common_stride(grids) == 0
                kept, offset = span.kept[tap], span.start // grid.stride
                assert kept.start == place.start - offset >= 0
                assert kept.stop == place.stop - offset
                if place.start == place.stop:
                    continue
                sees = place.start * grid.stride + grid.first - grid.reflected
                assert span.start == 0 or sees >= span.start
                last = grid.last + grid.reflected
                sees = (place.stop - 1) * grid.stride + last
                assert span.stop == size or sees < span.stop


# (net, settings, how many sizes)
CASES = [
    ("alex", ("0.1", True), 4),
    ("alex", ("0.0", False), 2),
    ("squeeze", ("0.1", True), 3),
    ("alex", ("st", True), 4),
    pytest.param("vgg", ("0.1", True), 1, marks=pytest.mark.slow),
    pytest.param("vgg", ("st", True), 1, marks=pytest.mark.slow),
]


@pytest.mark.parametrize(("net", "settings", "sizes"), CASES)
def test_tiled_values_are_those_of_the_whole_image(
    backbone, pair, net, settings, sizes
):
    version, _ = settings
    score = get_scorer(backbone(net, version), *settings)
    smallest = SMALLEST_TILES[f"{net}@st" if version == "st" else net]
    random = np.random.default_rng(0)
    for _ in range(sizes):
        tile = smallest + int(random.integers(0, 60))
        height = tile + int(random.integers(1, 60))
        width = int(random.integers(40, 2 * tile - 160))
        if random.integers(2):
            height, width = width, height
        images = [image[:height, :width] for image in pair]
        found = TiledScorer(score, tile).compare(*images, with_maps=True)
        batches = [image[None] for image in images]
        whole = score.per_layer(*batches)[0]
        np.testing.assert_allclose(found.per_layer, whole, atol=2e-7)
        distance = score.distance(*batches)[0]
        assert abs(found.per_layer.sum() - distance) < 1e-6 * max(1, distance)
        maps = score.tap_maps(*batches)
        for tiled, expected in zip(found.tap_maps, maps, strict=True):
            np.testing.assert_allclose(tiled, expected[0], atol=1e-6)


def test_no_more_than_a_tile_goes_through_the_net(backbone, pair, monkeypatch):
    score = get_scorer(backbone("alex"))
    seen, tap_maps = [], score.tap_maps
    monkeypatch.setattr(
        score, "tap_maps", lambda *x: (seen.append(x[0].shape), tap_maps(*x))[1]
    )
    found = TiledScorer(score, 180).compare(*(x[:, :200] for x in pair))
    assert found.tap_maps == []
    assert len(seen) > 20 and len(set(seen)) <= 4
    assert max(max(shape) for shape in seen) == 180


def test_floats_and_arrays_on_disk_give_the_same(backbone, pair, tmp_path):
    tiled = TiledScorer(get_scorer(backbone("alex")), 200)
    expected = tiled.compare(*(x[:250, :90] for x in pair)).per_layer
    floats = [as_signed_unit(image[:250, :90]) for image in pair]
    np.save(tmp_path / "image.npy", floats[0])
    on_disk = np.load(tmp_path / "image.npy", mmap_mode="r")
    found = tiled.compare(on_disk, floats[1]).per_layer
    np.testing.assert_array_equal(found, expected)


def test_distance_takes_a_tile(backbone, pair):
    backbone("alex")
    images = [
        np.stack([image[:230, :80], image[20:250, 80:160]]) for image in pair
    ]
    expected = distance(*images)
    np.testing.assert_allclose(distance(*images, tile=200), expected, atol=1e-7)
    one = distance(images[0][0], images[1][0], tile=200)
    assert one == pytest.approx(expected[0], abs=1e-7)


def test_identical_images_have_zero_distance(backbone, pair):
    tiled = TiledScorer(get_scorer(backbone("alex")), 200)
    assert not tiled.compare(pair[0][:230], pair[0][:230]).per_layer.any()


def test_a_tile_that_is_all_margin_is_rejected(backbone):
    for tile in (0, 176):
        with pytest.raises(ImageError, match="at least 177 pixels"):
            TiledScorer(get_scorer(backbone("alex")), tile)


def test_images_that_cannot_be_compared_are_rejected(backbone, pair):
    tiled = TiledScorer(get_scorer(backbone("alex")), 200)
    with pytest.raises(ImageError, match="must have one shape"):
        tiled.compare(pair[0], pair[1][1:])
    with pytest.raises(ImageError, match="at least 31 pixels"):
        tiled.compare(pair[0][:30], pair[1][:30])
    with pytest.raises(ImageError, match="must be RGB"):
        tiled.compare(pair[0][..., 0], pair[1][..., 0])


def test_nan_in_one_tile_is_nan_in_the_distance(backbone, pair):
    tiled = TiledScorer(get_scorer(backbone("alex")), 200)
    damaged = as_signed_unit(pair[1][:230, :80])
    damaged[225, 70, 1] = np.nan
    found = tiled.compare(pair[0][:230, :80], damaged)
    assert np.isnan(found.per_layer).all()


@pytest.mark.parametrize(
    ("net", "version"), [("alex", "0.1"), ("squeeze", "0.1"), ("alex", "st")]
)
def test_tiles_give_the_masked_distance_of_the_whole_image(
    backbone, pair, net, version
):
    score = get_scorer(backbone(net, version), version)
    images = [image[:500, :260] for image in pair]
    mask = np.zeros((500, 260), np.float32)
    # A box, weights, a lone pixel; most tiles hold none of it.
    mask[20:90, 100:180], mask[60:80] = 1, 0.3
    mask[499, 0] = 1
    tiled = TiledScorer(score, 220)
    found = tiled.compare(*images, mask, with_maps=True)
    batches = [image[None] for image in (*images, mask)]
    whole = score.per_layer(*batches)[0]
    np.testing.assert_allclose(found.per_layer, whole, rtol=1e-5, atol=1e-7)
    for maps, expected in zip(
        found.tap_maps, score.tap_maps(*batches), strict=True
    ):
        np.testing.assert_allclose(maps, expected[0], atol=1e-6)
    ones = tiled.compare(*images, np.ones_like(mask)).per_layer
    expected = tiled.compare(*images).per_layer
    np.testing.assert_allclose(ones, expected, rtol=1e-6)
    with pytest.raises(ImageError, match="at least one pixel"):
        tiled.compare(*images, 0 * mask)
    with pytest.raises(ImageError, match="size of the images"):
        tiled.compare(*images, mask[1:])
