"""The numbers of a report, from distances and judgements."""

import itertools
from dataclasses import dataclass

import numpy as np
from scipy.stats import spearmanr

from keras_lpips.metrics.jnd import jnd_average_precision
from keras_lpips.metrics.two_afc import (
    human_two_afc_scores,
    two_afc_ceilings,
    two_afc_scores,
)
from training.report.paper_table import table_columns

RESAMPLES = 1000
# Resamples drawn at once, which bounds the memory.
CHUNK = 50
# Percentiles of an interval of 95 %.
BOUNDS = (2.5, 97.5)
# Rows that are not metrics.
HUMAN, CEILING = "human", "ceiling"
SEED = 0
# A rank correlation of fewer metrics means little.
FEWEST_TO_CORRELATE = 3


@dataclass(frozen=True)
class JudgedTriplets:
    """The triplets of one subset with the distances of every metric.

    Attributes:
        subset: name of the subset.
        ids: ids of the triplets.
        judge: float, `(triplets,)`, [0, 1].
        distances: by metric, two of float64 `(triplets,)`.
    """

    subset: str
    ids: list[str]
    judge: np.ndarray
    distances: dict[str, tuple[np.ndarray, np.ndarray]]

    def scores(self) -> dict[str, np.ndarray]:
        """Returns each row's score per triplet, `(triplets,)`, [0, 1]."""
        return {
            HUMAN: human_two_afc_scores(self.judge),
            CEILING: two_afc_ceilings(self.judge),
            **{
                metric: two_afc_scores(*pair, self.judge)
                for metric, pair in self.distances.items()
            },
        }


@dataclass(frozen=True)
class Score:
    """A score in percent with its 95 % interval."""

    percent: float
    low: float
    high: float


def two_afc_table(judged: list[JudgedTriplets]) -> dict[str, dict[str, Score]]:
    """Returns the 2AFC scores by row (human, ceiling, metrics) and column.

    Columns are those of the paper's Table 5; an average is the unweighted
    mean over subsets.
    """
    rows, means, samples = _resample(judged)
    table: dict[str, dict[str, Score]] = {row: {} for row in rows}
    for column, members in table_columns(means).items():
        mean = np.mean([means[subset] for subset in members], axis=0)
        sample = np.mean([samples[subset] for subset in members], axis=0)
        for i, row in enumerate(rows):
            low, high = interval(sample[:, i])
            table[row][column] = Score(
                100 * float(mean[i]), 100 * low, 100 * high
            )
    return table


def paired_differences(
    judged: list[JudgedTriplets],
) -> dict[tuple, dict[str, Score]]:
    """Returns differences in points, by pair of metrics and by column."""
    rows, means, samples = _resample(judged)
    metrics = [row for row in rows if row not in (HUMAN, CEILING)]
    differences: dict[tuple, dict[str, Score]] = {}
    for first, second in itertools.combinations(metrics, 2):
        i, j = rows.index(first), rows.index(second)
        differences[first, second] = {}
        for column, members in table_columns(means).items():
            mean = np.mean([means[subset] for subset in members], axis=0)
            sample = np.mean([samples[subset] for subset in members], axis=0)
            low, high = interval(sample[:, i] - sample[:, j])
            differences[first, second][column] = Score(
                100 * float(mean[i] - mean[j]), 100 * low, 100 * high
            )
    return differences


def jnd_table(pairs: dict[str, tuple]) -> dict[str, dict[str, float]]:
    """Returns average precisions in percent, by metric, by subset and mAP.

    Args:
        pairs: by subset, `same` `(pairs,)` and a dictionary of distances
            `(pairs,)` by metric.
    """
    table: dict[str, dict[str, float]] = {}
    for subset, (same, distances) in pairs.items():
        for metric, values in distances.items():
            precision = 100 * jnd_average_precision(values, same)
            table.setdefault(metric, {})[subset] = precision
    for row in table.values():
        row["mAP"] = float(np.mean(list(row.values())))
    return table


def rank_correlation(two_afc: dict, jnd: dict) -> float | None:
    """Returns Spearman's rho over metrics; `None` if it is undefined.

    Args:
        two_afc: 2AFC score by metric.
        jnd: mAP by the same metrics.
    """
    metrics = [metric for metric in two_afc if metric in jnd]
    if len(metrics) < FEWEST_TO_CORRELATE:
        return None
    scores = [[x[metric] for metric in metrics] for x in (two_afc, jnd)]
    if any(len(set(column)) == 1 for column in scores):
        return None
    return float(spearmanr(*scores).statistic)


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


def _resample(judged):
    """Returns rows, and by subset means `(rows,)`, `(RESAMPLES, rows)`."""
    means, samples = {}, {}
    for part in judged:
        scores = part.scores()
        stacked = np.stack(list(scores.values()), axis=-1)
        means[part.subset] = stacked.mean(axis=0)
        samples[part.subset] = resampled_means(
            stacked, [SEED, *part.subset.encode()]
        )
    return list(scores), means, samples
