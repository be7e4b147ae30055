import shlex
import sys

import numpy as np
import pytest
import skimage.data

from training.metrics.fsim import fsim, fsimc
from training.metrics.metric import MetricError
from training.metrics.registry import PAIRWISE, find_metric
from training.metrics.ssim_variants import ms_ssim

ASTRONAUT = skimage.data.astronaut()
PATCH = ASTRONAUT[100:164, 200:264]
NOISE = np.random.default_rng(0).normal(0, 20, PATCH.shape)
NOISY = np.clip(PATCH + NOISE, 0, 255).astype(np.uint8)


def dimmed(image):
    return (image * 0.7).astype(np.uint8)


def shifted(image):
    return np.roll(image, 3, 1)


@pytest.mark.parametrize(
    ("reference", "distorted", "expected", "expected_chromatic"),
    [
        (PATCH, NOISY, 0.8779335606, 0.8606511290),
        (PATCH, dimmed(PATCH), 0.9580898302, 0.9565084995),
        (PATCH, shifted(PATCH), 0.7952407532, 0.7938206772),
        (ASTRONAUT, shifted(ASTRONAUT), 0.7907877698, 0.7887067194),
    ],
)
def test_fsim_is_that_of_piq(
    reference, distorted, expected, expected_chromatic
):
    """Expected: piq 0.8.0 in float64; its YIQ has other decimals."""
    assert fsim(reference, distorted) == pytest.approx(expected, abs=1e-3)
    assert fsimc(reference, distorted) == pytest.approx(
        expected_chromatic, abs=1e-3
    )


@pytest.mark.parametrize(
    ("distort", "expected"),
    [(dimmed, 0.9456137239878655), (shifted, 0.8303036497176981)],
)
def test_ms_ssim_is_that_of_piq(distort, expected):
    """Expected: piq 0.8.0 in float64."""
    image = ASTRONAUT[:256, :256]
    assert ms_ssim(image, distort(image)) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("name", PAIRWISE)
def test_the_identical_image_is_closest(name):
    metric = find_metric(name)
    first, second = metric.two_distances(PATCH[None], PATCH[None], NOISY[None])
    assert np.isfinite([first, second]).all()
    assert first < second


def test_a_deep_metric_gives_the_layers_distance(backbone):
    from keras_lpips import LPIPS

    metric = find_metric(f"lpips/{backbone('alex')}")
    first, second = metric.two_distances(
        PATCH[None], NOISY[None], shifted(PATCH)[None]
    )
    lpips = LPIPS("alex", value_range=(0, 255))
    assert first[0] == pytest.approx(float(lpips(PATCH[None], NOISY[None])[0]))
    assert metric.distances(PATCH[None], shifted(PATCH)[None]) == (
        pytest.approx(second)
    )


def test_a_deep_metric_runs_the_backbone_three_times_for_a_triplet(backbone):
    metric = find_metric(f"lpips/{backbone('alex')}")
    first = metric.lpips.backbone.get_layer("conv1")
    call, batches = first.call, []
    first.call = lambda images: batches.append(images.shape[0]) or call(images)
    metric.two_distances(*3 * [np.repeat(PATCH[None], 16, axis=0)])
    # One graph computes all, and this is its trace.
    assert batches == 3 * [16]


def test_l2_in_lab_is_that_of_the_formulas_of_cie():
    def lab(image):
        """CIE 15, sRGB's matrix (IEC 61966-2-1), white D65."""
        x = image / 255
        x = np.where(x > 0.04045, ((x + 0.055) / 1.055) ** 2.4, x / 12.92)
        matrix = [
            [0.4124, 0.3576, 0.1805],
            [0.2126, 0.7152, 0.0722],
            [0.0193, 0.1192, 0.9505],
        ]
        x = x @ np.transpose(matrix) / [0.95047, 1, 1.08883]
        cut = (6 / 29) ** 3
        x, y, z = np.moveaxis(
            np.where(x > cut, np.cbrt(x), x / (3 * (6 / 29) ** 2) + 4 / 29),
            -1,
            0,
        )
        return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], -1)

    expected = np.mean((lab(PATCH) - lab(NOISY)) ** 2)
    (value,) = find_metric("l2-lab").distances(PATCH[None], NOISY[None])
    assert value == pytest.approx(expected, rel=1e-3)
    # Black and white differ by 100 in L alone.
    ends = [np.full((1, 8, 8, 3), x, np.uint8) for x in (0, 255)]
    assert find_metric("l2-lab").distances(*ends) == pytest.approx(
        100**2 / 3, rel=1e-4
    )


def test_dssim_is_that_of_the_formula_in_a_window_of_seven():
    x, y = PATCH[:9, :8].astype(np.float64), NOISY[:9, :8].astype(np.float64)
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    values = []
    for row in range(3):
        for column in range(2):
            a, b = (
                z[row : row + 7, column : column + 7].reshape(49, 3)
                for z in (x, y)
            )
            means = a.mean(0), b.mean(0)
            # Of a sample, as the reference's scikit-image has it.
            variances = a.var(0, ddof=1), b.var(0, ddof=1)
            covariance = ((a - means[0]) * (b - means[1])).sum(0) / 48
            luminance = (2 * means[0] * means[1] + c1) / (
                means[0] ** 2 + means[1] ** 2 + c1
            )
            structure = (2 * covariance + c2) / (sum(variances) + c2)
            values.append(luminance * structure)
    expected = (1 - np.mean(values)) / 2
    crop = (slice(None), slice(9), slice(8))
    (value,) = find_metric("dssim").distances(
        PATCH[None][crop], NOISY[None][crop]
    )
    assert value == pytest.approx(expected, rel=1e-9)


def test_taps_can_be_chosen_even_within_a_block(backbone):
    """VGG16's first two convolutions: a student's variant."""
    metric = find_metric(f"off-the-shelf/{backbone('vgg')}:conv1_1,conv1_2")
    assert metric.lpips.taps == ["conv1_1", "conv1_2"]
    assert metric.distances(PATCH[None], NOISY[None]) > 0


def test_the_shift_tolerant_version_can_be_named(backbone):
    from keras_lpips import LPIPS

    pair = PATCH[None], NOISY[None]
    metric = find_metric(f"lpips/{backbone('alex', 'st')}@st")
    lpips = LPIPS("alex", "st", value_range=(0, 255))
    assert metric.distances(*pair) == pytest.approx(float(lpips(*pair)[0]))
    # Its layers, and its untrained backbone.
    chosen = find_metric("off-the-shelf/alex@st:conv1,blur1")
    assert chosen.lpips.taps == ["conv1", "blur1"]
    kernel = lpips.backbone.get_layer("conv1").kernel
    assert np.array_equal(
        chosen.lpips.backbone.get_layer("conv1").kernel, kernel
    )
    assert find_metric("gaussian/alex@st").lpips.taps == lpips.taps


def test_gaussian_weights_are_the_same_each_time():
    pair = PATCH[None], NOISY[None]
    values = [
        find_metric("gaussian/squeeze").distances(*pair) for _ in range(2)
    ]
    assert values[0] == values[1] > 0


def test_a_command_is_a_metric():
    code = (
        "import sys, numpy as np; from PIL import Image; "
        "a, b = (np.asarray(Image.open(p)) * 1.0 for p in sys.argv[1:]);"
        "print(((a - b) ** 2).mean())"
    )
    metric = find_metric(f"command:{sys.executable} -c {shlex.quote(code)}")
    assert metric.distances(PATCH[None], NOISY[None]) == pytest.approx(
        find_metric("l2").distances(PATCH[None], NOISY[None]) * 255**2
    )


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("lpips/resnet", "needs a net"),
        ("lpips/alex@2", "version of .*st"),
        ("ssmi", "A metric must be one of"),
        ("off-the-shelf/alex:conv9", "taps"),
    ],
)
def test_an_unknown_metric_is_named(name, said, backbone):
    backbone("alex")
    with pytest.raises(MetricError, match=said):
        find_metric(name)


def test_a_command_that_fails_is_named():
    with pytest.raises(MetricError, match="false must print one number"):
        find_metric("command:false").distances(PATCH[None], NOISY[None])
