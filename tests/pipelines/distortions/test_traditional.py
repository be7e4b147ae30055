"""Properties of the 20 types and of their pairs."""

import io

import numpy as np
import pytest
from PIL import Image

from keras_lpips.baselines import l2
from pipelines.distortions import blur_compression, noise, spatial
from pipelines.distortions.distortion import Distortion
from pipelines.distortions.registry import (
    PAPER_SEQUENCES,
    PAPER_TYPES,
    SEQUENCES,
    TYPES,
    make_sequences,
)

BY_NAME = {kind.name: kind for kind in TYPES + SEQUENCES}
# In pixels.
MOST_BEND = 0.25
each_type = pytest.mark.parametrize(
    "kind", TYPES, ids=[kind.name for kind in TYPES]
)


def distorted(kind, image, strength, seed):
    return kind(image, strength, np.random.default_rng(seed))


def test_the_paper_has_20_types_and_308_ordered_pairs():
    assert len(PAPER_TYPES) == 20
    assert len(PAPER_SEQUENCES) == 308


def test_another_type_is_in_use_beside_those_of_the_paper():
    assert set(PAPER_TYPES) <= set(TYPES)
    more = Distortion("median", "blur", lambda x, s, g: x)
    names = [kind.name for kind in make_sequences((*PAPER_TYPES, more))]
    assert len(names) == 308 + 2 * 20
    assert "median+jpeg" in names and "gaussian_blur+median" in names


def test_pairs_leave_out_two_noises_and_two_spatial_ones_only():
    names = set(BY_NAME)
    assert "pink_noise+blue_noise" not in names
    assert "shift+affine" not in names
    assert {"contrast+saturation", "jpeg+shift", "shift+jpeg"} <= names


@each_type
def test_strength_zero_is_the_identity(kind, patches, generator):
    for patch in patches:
        result = kind(patch, 0.0, generator)
        np.testing.assert_array_equal(result, patch)
        assert result is not patch


@each_type
@pytest.mark.parametrize("shape", [(64, 64), (63, 64), (80, 37)])
def test_shape_and_dtype_are_kept(kind, shape, generator):
    image = generator.integers(0, 256, (*shape, 3), np.uint8)
    before = image.copy()
    result = kind(image, 0.7, generator)
    assert result.dtype == np.uint8
    assert result.shape == image.shape
    np.testing.assert_array_equal(image, before)


@each_type
def test_a_small_strength_changes_little(kind, patches):
    for patch in patches:
        weak = l2(patch, distorted(kind, patch, 0.02, 0))
        assert weak < 2e-3, weak


@each_type
def test_the_seed_decides(kind, patches):
    twice = [distorted(kind, patches[0], 0.5, seed=3) for _ in range(2)]
    np.testing.assert_array_equal(*twice)


@pytest.mark.parametrize(
    "name", ["gaussian_white_noise", "shift", "affine", "cubic_warp"]
)
def test_another_seed_gives_another_image(name, patches):
    kind = BY_NAME[name]
    first, second = (distorted(kind, patches[0], 0.5, seed) for seed in (1, 2))
    assert (first != second).any()


@pytest.mark.parametrize(
    "function",
    [
        noise.uniform_white_noise,
        noise.gaussian_white_noise,
        noise.pink_noise,
        noise.blue_noise,
        noise.colored_noise,
        noise.checkerboard,
    ],
    ids=lambda function: function.__name__,
)
def test_noise_preserves_the_mean(function, generator):
    gray = np.full((64, 64, 3), 120, np.uint8)
    means = [function(gray, 0.5, generator).mean() for _ in range(20)]
    # The deviation of a white noise's mean over 20 images is .05.
    assert abs(np.mean(means) - 120) < 0.2


class Ends:
    """A generator whose range is drawn at one of its ends."""

    def __init__(self, end):
        self._end = end
        self._generator = np.random.default_rng(0)

    def uniform(self, low, high):
        return (low, high)[self._end]

    def normal(self, *arguments, **keywords):
        return self._generator.normal(*arguments, **keywords)


@pytest.mark.parametrize(
    ("function", "generator", "slope"),
    [
        (noise.pink_noise, np.random.default_rng(0), -1),
        (noise.blue_noise, np.random.default_rng(0), 1),
        (noise.colored_noise, Ends(0), 2),
        (noise.colored_noise, Ends(1), -2),
        (noise.gaussian_white_noise, np.random.default_rng(0), 0),
        (noise.uniform_white_noise, np.random.default_rng(0), 0),
    ],
    ids=["pink", "blue", "violet", "brown", "gaussian white", "uniform white"],
)
def test_the_spectrum_of_a_noise_has_its_slope(function, generator, slope):
    side = 128
    gray = np.full((side, side, 3), 128, np.uint8)
    power = 0
    for _ in range(10):
        # Little enough that nothing is clipped, and more than rounding.
        noisy = function(gray, 0.5, generator).astype(float)
        power = power + np.abs(np.fft.fft2(noisy - 128, axes=(0, 1))) ** 2
    power = power.mean(axis=-1)
    frequency = np.fft.fftfreq(side)
    radius = np.hypot(frequency[:, None], frequency)
    inside = (radius > 2 / side) & (radius < 0.5)
    found, _ = np.polyfit(np.log(radius[inside]), np.log(power[inside]), deg=1)
    assert found == pytest.approx(slope, abs=0.06)


def test_a_colored_field_has_deviation_one(generator):
    for exponent in (noise.VIOLET, 0.0, noise.BROWN):
        field = noise.colored_field((128, 128, 30), exponent, generator)
        assert field.mean() == pytest.approx(0, abs=1e-12)
        assert field.std() == pytest.approx(1, abs=0.05)


def test_noise_of_one_strength_has_one_deviation(generator):
    gray = np.full((64, 64, 3), 128, np.uint8)
    for name in ("uniform_white_noise", "gaussian_white_noise", "blue_noise"):
        noisy = BY_NAME[name](gray, 0.5, generator).astype(float)
        deviation = noisy.std()
        assert deviation == pytest.approx(noise.MAX_DEVIATION / 2, rel=0.03)


@pytest.mark.parametrize("order", [1, 3])
def test_warps_are_smooth_and_do_not_fold(order):
    length = spatial.MAX_WARP_SHIFT * 64
    for seed in range(100):
        field = spatial.warp_field(
            (64, 64), length, order, np.random.default_rng(seed)
        )
        determinant = determinant_of(field + np.indices((64, 64)))
        # Where an image folds, its area turns negative.
        assert determinant.min() > 0.02
        # Only cubic splines bend little; linear ones have edges.
        bend = max(np.abs(np.diff(field, 2, axis)).max() for axis in (1, 2))
        assert (bend < MOST_BEND) == (order == 3)


def determinant_of(places):
    """What each square of four pixels becomes: 1 where nothing is moved."""
    down = np.diff(places, axis=1)[:, :, :-1]
    across = np.diff(places, axis=2)[:, :-1]
    return down[0] * across[1] - down[1] * across[0]


def test_a_shift_is_a_shift(generator):
    image = np.zeros((64, 64, 3), np.uint8)
    image[32, 32] = 255
    moved = spatial.shift(image, 1.0, generator)
    mass = moved[..., 0].astype(float)
    centre = np.array(
        [(mass.sum(axis=axis) @ np.arange(64)) / mass.sum() for axis in (1, 0)]
    )
    assert np.hypot(*(centre - 32)) == pytest.approx(8, abs=0.25)


def test_jpeg_is_decodable_bytes_that_shrink(patches):
    sizes = []
    for strength in (0.01, 0.5, 1.0):
        data = blur_compression.jpeg_bytes(patches[0], strength)
        with Image.open(io.BytesIO(data)) as image:
            image.load()
            assert image.format == "JPEG"
            assert image.size == (64, 64)
        sizes.append(len(data))
    assert sizes == sorted(sizes, reverse=True)


def test_errors_name_what_came(patches, generator):
    kind = TYPES[0]
    with pytest.raises(ValueError, match="strength=1.5"):
        kind(patches[0], 1.5, generator)
    with pytest.raises(ValueError, match="dtype=float"):
        kind(patches[0] / 255, 0.5, generator)
