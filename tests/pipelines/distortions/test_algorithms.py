"""Super-resolution, deblurring, frame interpolation, colorization."""

import cv2
import numpy as np
import pytest

from keras_lpips.baselines import l2
from keras_lpips_cli.errors import UserError
from pipelines.distortions import deblurring
from pipelines.distortions.colorization import neighbor_weights
from pipelines.distortions.distortion import Distortion
from pipelines.distortions.registry import ALGORITHMS, find_algorithm

BY_NAME = {kind.name: kind for kind in ALGORITHMS}
each_algorithm = pytest.mark.parametrize(
    "kind", ALGORITHMS, ids=[kind.name for kind in ALGORITHMS]
)


def mean_l2(kind, patches, strength):
    return np.mean(
        [
            l2(patch, kind(patch, strength, np.random.default_rng(seed)))
            for patch in patches
            for seed in range(2)
        ]
    )


def test_the_four_families_of_the_paper_are_there():
    groups = {kind.group for kind in ALGORITHMS}
    assert groups == {"superres", "deblur", "frameinterp", "color"}


@each_algorithm
def test_a_harder_task_gives_a_larger_error(kind, patches, generator):
    np.testing.assert_array_equal(kind(patches[0], 0.0, generator), patches[0])
    errors = [mean_l2(kind, patches, strength) for strength in (0.1, 0.5, 1.0)]
    assert errors == sorted(errors), errors
    assert errors[-1] > errors[0]
    assert errors[-1] < 0.1


@each_algorithm
def test_shape_and_dtype_are_kept(kind, patches, generator):
    result = kind(patches[0][:40, :51], 0.6, generator)
    assert result.dtype == np.uint8
    assert result.shape == (40, 51, 3)


@each_algorithm
def test_the_seed_decides(kind, patches):
    twice = [kind(patches[1], 0.5, np.random.default_rng(1)) for _ in range(2)]
    np.testing.assert_array_equal(*twice)


def test_back_projection_is_nearer_than_bicubic(patches):
    better = mean_l2(BY_NAME["back_projection"], patches, 0.6)
    assert better < mean_l2(BY_NAME["bicubic"], patches, 0.6)


@pytest.mark.parametrize("strength", [0.5, 0.75, 1.0])
@pytest.mark.parametrize(
    "name",
    ["wiener", "unsupervised_wiener", "richardson_lucy", "total_variation"],
)
def test_deblurring_is_nearer_than_the_blurred_patch(name, strength, patches):
    def blur_only(image, strength, generator):
        return deblurring._deblur(image, strength, generator, lambda x, _: x)

    blurred = Distortion("blurred", "none", blur_only)
    errors = [
        mean_l2(kind, patches, strength) for kind in (BY_NAME[name], blurred)
    ]
    assert errors[0] < errors[1]


@pytest.mark.parametrize("name", ["farneback_frames", "dis_frames"])
def test_optical_flow_is_nearer_than_blending(name, patches):
    blending = mean_l2(BY_NAME["blended_frames"], patches, 0.7)
    assert mean_l2(BY_NAME[name], patches, 0.7) < blending / 2


def test_colorization_keeps_the_lightness(patches, generator):
    colored = BY_NAME["propagated_color"](patches[0], 0.7, generator)
    luma, before = (
        cv2.cvtColor(x, cv2.COLOR_RGB2GRAY).astype(float)
        for x in (colored, patches[0])
    )
    # Only colors that cannot be shown are clipped.
    assert np.median(np.abs(luma - before)) <= 1


def test_weights_of_neighbours_sum_to_one(generator):
    weights = neighbor_weights(generator.random((9, 7)))
    np.testing.assert_allclose(weights.sum(axis=1), 1)
    assert weights.getnnz(axis=1).min() == 3  # In a corner.
    assert weights.getnnz(axis=1).max() == 8


@pytest.mark.parametrize("length", [0.0, 3.3, 11.0])
def test_a_motion_kernel_has_sum_one_and_its_length(length):
    kernel = deblurring.motion_kernel(length, 0.0)
    assert kernel.sum() == pytest.approx(1)
    assert (kernel.sum(axis=0) > 0).sum() == pytest.approx(length + 1, abs=1)
    assert (kernel.sum(axis=1) > 0).sum() == 1


def test_a_user_names_an_algorithm_of_their_own(patches, generator):
    own = find_algorithm("pipelines.distortions.blur_compression:gaussian_blur")
    assert (own.name, own.group) == ("gaussian_blur", "own")
    assert own(patches[0], 0.5, generator).shape == patches[0].shape
    with pytest.raises(UserError, match="Received: 'no.such:thing'"):
        find_algorithm("no.such:thing")
