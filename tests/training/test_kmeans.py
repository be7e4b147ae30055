import json

import numpy as np
import pytest
import skimage.data
from PIL import Image

from keras_lpips.backbones.registry import BACKBONES, build_backbone
from keras_lpips.layers.normalization import scale_images
from tests.support.toy_backbone import TOY
from training.configs import KmeansConfig
from training.kmeans import main
from training.metrics.deep import backbone_shapes
from training.metrics.registry import find_metric
from training.model.kmeans_weights import (
    BIAS,
    CROP,
    compute_filters,
    find_cluster_centers,
    make_weights,
)


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("photos")
    for name in ("astronaut", "chelsea"):
        pixels = getattr(skimage.data, name)()
        Image.fromarray(pixels).save(folder / f"{name}.png")
    return folder


@pytest.fixture(scope="module", autouse=True)
def toy():
    """Registers the toy backbone."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(BACKBONES, "toy", TOY)
        yield


def make(photos, output):
    make_weights(KmeansConfig(photos, output, "toy", crops=24, patches=600))
    return output


@pytest.fixture(scope="module")
def weights(photos, tmp_path_factory):
    return make(photos, tmp_path_factory.mktemp("kmeans") / "kmeans.npz")


def test_centres_are_the_means_of_separate_clusters():
    rng = np.random.default_rng(0)
    means = np.float32([[0, 9], [9, 0], [9, 9]])
    points = np.repeat(means, 50, 0) + rng.normal(0, 0.1, (150, 2))
    centers = find_cluster_centers(points.astype(np.float32), 3, rng)
    expected = points.reshape(3, 50, 2).mean(axis=1)
    for mean in expected:
        assert np.abs(centers - mean).max(axis=1).min() < 1e-4


def test_filters_find_the_pattern_that_patches_are_made_of():
    """A pattern and its negative, at any strength, in a little noise.

    Whitening enlarges the noise, so that more of it turns the filters: with
    this much they miss by at most 0.0011 under forty seeds.
    """
    rng = np.random.default_rng(1)
    pattern = rng.normal(size=30)
    strength = rng.choice([-1, 1], 4000) * rng.uniform(1, 3, 4000)
    patches = strength[:, None] * pattern
    patches += rng.normal(0, 1e-4, patches.shape)
    filters, responses = compute_filters(patches.astype(np.float32), 2, rng)
    np.testing.assert_allclose(responses, patches @ filters.T, atol=1e-3)
    likeness = filters @ pattern / np.linalg.norm(filters, axis=1)
    likeness = np.sort(likeness) / np.linalg.norm(pattern)
    np.testing.assert_allclose(likeness, [-1, 1], atol=0.01)


def test_channels_have_unit_variance_before_their_relu(weights, photos):
    """On the first layer, over all patches of both photographs."""
    arrays = np.load(weights)
    backbone = build_backbone("toy")
    assert set(arrays) == set(backbone_shapes(backbone))
    first = backbone.get_layer("conv1")
    first.activation = lambda x: x
    for variable in first.weights:
        variable.assign(arrays[f"conv1/{variable.name}"])
    images = np.stack(
        [
            np.asarray(Image.open(path))[:300, :448]
            for path in sorted(photos.iterdir())
        ]
    )
    padded = np.pad(
        scale_images(images, (0, 255), "0.1"), [(0, 0), (2, 2), (2, 2), (0, 0)]
    )
    responses = np.asarray(first(padded)).reshape(-1, 16)
    assert np.median(responses.std(axis=0)) == pytest.approx(1, abs=0.3)
    assert np.median(responses.mean(axis=0)) == pytest.approx(BIAS, abs=0.3)


def test_the_same_seed_gives_the_same_weights(weights, photos, tmp_path):
    again = make(photos, tmp_path / "again.npz")
    digests = [
        json.loads(path.with_suffix(".json").read_text())["digest"]
        for path in (weights, again)
    ]
    assert digests[0] == digests[1]


def test_the_weights_are_a_metric(weights):
    pixels = skimage.data.astronaut()[None, 100:164, 200:264]
    metric = find_metric(f"kmeans/{weights}")
    assert metric.lpips.taps == ["conv1", "conv2"]
    value = metric.distances(pixels, np.roll(pixels, 2, axis=1))
    assert np.isfinite(value) and value > 0


def test_a_small_photograph_is_named_and_nothing_left(tmp_path, capsys):
    Image.new("RGB", (CROP - 1, 300)).save(tmp_path / "small.png")
    output = tmp_path / "made" / "k.npz"
    assert main(["--photos", str(tmp_path), "--output", str(output)]) == 1
    assert "small.png is smaller" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["small.png"]


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--output", "k.h5"], "--output must be an .npz, not k.h5"),
        (["--crops", "0"], "'0' is not an integer of at least 1"),
    ],
)
def test_invalid_flags_are_rejected_by_the_parser(flags, said, capsys):
    with pytest.raises(SystemExit, match="2"):
        main(["--photos", "photos", "--output", "k.npz", *flags])
    assert said in capsys.readouterr().err


def test_too_few_patches_are_named(photos, tmp_path, capsys):
    flags = ["--photos", str(photos), "--output", str(tmp_path / "k.npz")]
    assert main([*flags, "--crops", "2", "--patches", "50"]) == 1
    assert "conv1 has 64 filters and sees 50" in capsys.readouterr().err
