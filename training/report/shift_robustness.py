"""Robustness to a shift: how often the order of two distances flips.

Both distorted images of a triplet are shifted against the reference. All
images are cropped to one size, without borders. A robust metric keeps its
order (Ghildyal and Liu, ECCV 2022).
"""

import numpy as np

from training.data.dataset import Batch
from training.metrics.metric import Metric

SHIFTS = (1, 2, 3)


def find_flips(metric: Metric, batch: Batch) -> np.ndarray:
    """Returns whether the order of each triplet flips.

    Args:
        metric: the metric.
        batch: triplets. Images must be `max(SHIFTS)` pixels wider than the
            metric's smallest size.

    Returns:
        bool, `(triplets, shifts)`.
    """
    still = _order(metric, batch, 0)
    moved = [_order(metric, batch, shift) for shift in SHIFTS]
    return np.stack([order != still for order in moved], axis=-1)


def _order(metric, batch, shift):
    width = batch.images["ref"].shape[2] - max(SHIFTS)
    images = {
        role: np.ascontiguousarray(
            pixels[:, :, :width]
            if role == "ref"
            else pixels[:, :, shift : shift + width]
        )
        for role, pixels in batch.images.items()
    }
    first, second = metric.two_distances(
        images["ref"], images["p0"], images["p1"]
    )
    return np.sign(first - second)
