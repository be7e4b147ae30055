"""Strength: what is stronger lies further from the original, on average."""

import numpy as np
import pytest

from keras_lpips import distance
from keras_lpips.baselines import l2
from pipelines.distortions.registry import ALGORITHMS, TYPES

STRENGTHS = (0.1, 0.4, 0.75, 1.0)
SEEDS = range(2)
# To AlexNet four pixels repeated evenly are no worse than the uneven blocks
# of 3.25: the distance grows up to there, and not from there on.
LPIPS_GROWS_TO = {"nearest": 0.75}
each_kind = pytest.mark.parametrize(
    "kind", TYPES + ALGORITHMS, ids=lambda kind: kind.name
)


def distorted(kind, patches, strength):
    """`kind` on every patch with every seed."""
    return np.stack(
        [
            kind(patch, strength, np.random.default_rng(seed))
            for seed in SEEDS
            for patch in patches
        ]
    )


@each_kind
def test_l2_and_lpips_grow_with_strength(kind, patches, backbone):
    net = backbone("alex")
    reference = np.concatenate([patches] * len(SEEDS))
    l2_means, lpips_means = [], []
    for strength in STRENGTHS:
        images = distorted(kind, patches, strength)
        l2_means.append(np.mean(list(map(l2, reference, images))))
        lpips_means.append(distance(reference, images, net=net).mean())
    assert l2_means[0] > 0
    assert l2_means == sorted(l2_means), l2_means
    assert l2_means[-1] > 4 * l2_means[0]
    last = STRENGTHS.index(LPIPS_GROWS_TO.get(kind.name, 1.0))
    growing = lpips_means[: last + 1]
    assert growing[0] > 0
    assert growing == sorted(growing), lpips_means
    if kind.name in LPIPS_GROWS_TO:
        assert lpips_means != sorted(lpips_means), "no exception any more"
