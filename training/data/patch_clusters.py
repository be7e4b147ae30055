"""Filters from patches: k-means in the space of their largest variances."""

import numpy as np
from scipy.linalg import eigh

# Rounds of k-means.
ROUNDS = 20
# Beside an eigenvalue, as a share of the largest, so that no noise is blown up.
FLOOR = 1e-5


def filters_of(patches, count, rng):
    """Returns filters that respond to clusters of patches.

    Patches are whitened in their `count` largest principal components and
    scaled to unit length; the clusters' centres, carried back, are filters.

    Args:
        patches: float32, `(patches, values)`.
        count: how many filters.
        rng: NumPy's generator, which draws the first centres.

    Returns:
        Filters, float32 `(count, values)`, and their responses to the
        patches as they are, not centred, float32 `(patches, count)`.
    """
    centred = patches - patches.mean(axis=0)
    size = centred.shape[1]
    kept = min(count, size)
    variances, axes = eigh(
        centred.T @ centred / len(centred),
        subset_by_index=(size - kept, size - 1),
    )
    scale = 1 / np.sqrt(np.maximum(variances, 0) + FLOOR * variances.max())
    whitening = (axes * scale).astype(np.float32)
    whitened = centred @ whitening
    lengths = np.linalg.norm(whitened, axis=1, keepdims=True)
    whitened /= np.maximum(lengths, np.finfo(np.float32).tiny)
    filters = cluster_centres(whitened, count, rng) @ whitening.T
    return filters, patches @ filters.T


def cluster_centres(points, count, rng):
    """Returns the centres that k-means finds, float32 `(count, dimensions)`.

    Args:
        points: float32, `(points, dimensions)`, at least `count` of them.
        count: how many centres.
        rng: NumPy's generator; the first centres are points that it draws.
    """
    centres = points[rng.choice(len(points), count, replace=False)]
    for _ in range(ROUNDS):
        # |p - c|^2 without |p|^2, which is alike for all centres.
        closeness = points @ centres.T - np.sum(centres**2, axis=1) / 2
        nearest = closeness.argmax(axis=1)
        members = np.eye(count, dtype=np.float32)[nearest]
        sizes = members.sum(axis=0)
        # A centre that lost all its points stays where it is.
        found = (members.T @ points) / np.maximum(sizes, 1)[:, None]
        centres = np.where(sizes[:, None] > 0, found, centres)
    return centres
