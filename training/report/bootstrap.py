"""How sure a score is: the bootstrap over triplets."""

import numpy as np

RESAMPLES = 1000
# Resamples drawn at once, which bounds the memory.
CHUNK = 50
# Percentiles of an interval of 95 %.
BOUNDS = (2.5, 97.5)


def resampled_means(scores: np.ndarray, seed) -> np.ndarray:
    """Returns the means of random samples of the triplets, with replacement.

    All metrics share each sample, so that differences between them are
    paired.

    Args:
        scores: float, `(triplets, metrics)`.
        seed: anything that `numpy.random.default_rng` takes.

    Returns:
        float64, `(RESAMPLES, metrics)`.
    """
    rng = np.random.default_rng(seed)
    count = len(scores)
    even = np.full(count, 1 / count)
    means = [
        rng.multinomial(count, even, size=CHUNK) @ scores / count
        for _ in range(RESAMPLES // CHUNK)
    ]
    return np.concatenate(means)


def interval(means: np.ndarray) -> tuple[float, float]:
    """Returns the 95 % interval of resampled means, `(RESAMPLES,)`."""
    low, high = np.percentile(means, BOUNDS)
    return float(low), float(high)
