import csv

import numpy as np
import pytest

from training.report.paper_table import (
    AVERAGES,
    SUBSETS,
    published_row,
    table_columns,
)
from training.report.scores import (
    CEILING,
    HUMAN,
    JudgedTriplets,
    interval,
    jnd_table,
    paired_differences,
    rank_correlation,
    resampled_means,
    two_afc_table,
)

# The authors' retrained AlexNet; people and ceiling, from all judgements.
EXPECTED = {
    "metric": (77.47881, 82.87076, 71.18828, 61.03814, 65.23305, 62.42585),
    HUMAN: (80.844, 84.346, 73.601, 66.095, 68.827, 68.610),
    CEILING: (85.784, 88.475, 80.120, 74.002, 76.411, 75.975),
}


@pytest.fixture(scope="module")
def judgements(shared_data):
    """All 36,344 real judgements, by subset."""
    parts = {}
    path = shared_data / "judgements" / "bapps_2afc_val.csv"
    with open(path, newline="") as file:
        for row in csv.DictReader(file):
            parts.setdefault(row["subset"], []).append(row)
    return [
        JudgedTriplets(
            subset,
            [row["name"] for row in rows],
            np.array([float(row["judge"]) for row in rows]),
            {
                "metric": tuple(
                    np.array([float(row[d]) for row in rows])
                    for d in ("d0", "d1")
                )
            },
        )
        for subset, rows in parts.items()
    ]


def test_real_judgements_give_the_published_scores(judgements):
    table = two_afc_table(judgements)
    for row, expected in EXPECTED.items():
        tolerance = 1e-5 if row == "metric" else 1e-3
        for subset, percent in zip(SUBSETS, expected, strict=True):
            score = table[row][subset]
            assert score.percent == pytest.approx(percent, abs=tolerance)
            assert score.low < score.percent < score.high
    assert table["metric"]["all"].percent == pytest.approx(
        np.mean(EXPECTED["metric"]), abs=1e-5
    )


def test_the_bootstrap_agrees_with_the_standard_error():
    scores = np.random.default_rng(1).random((2000, 1))
    low, high = interval(resampled_means(scores, 0)[:, 0])
    error = scores.std() / len(scores) ** 0.5
    assert (high - low) / 2 == pytest.approx(1.96 * error, rel=0.1)


def test_a_metric_does_not_differ_from_itself(judgements):
    first = judgements[0]
    twice = JudgedTriplets(
        first.subset,
        first.ids,
        first.judge,
        {"a": first.distances["metric"], "b": first.distances["metric"]},
    )
    score = paired_differences([twice])["a", "b"]["all"]
    assert (score.percent, score.low, score.high) == (0, 0, 0)


def test_a_difference_is_the_first_less_the_second_in_points():
    """By hand: of ten triplets one metric finds eight, the other five."""
    always_first = np.zeros(10)
    closer, further = np.full(10, 0.1), np.full(10, 0.2)
    rights = {"a": 8, "b": 5}
    distances = {
        name: (
            np.where(np.arange(10) < right, closer, further),
            np.where(np.arange(10) < right, further, closer),
        )
        for name, right in rights.items()
    }
    judged = JudgedTriplets("cnn", list("0123456789"), always_first, distances)
    scores = two_afc_table([judged])
    assert scores["a"]["cnn"].percent == pytest.approx(80)
    assert scores["b"]["cnn"].percent == pytest.approx(50)
    differences = paired_differences([judged])
    assert list(differences) == [("a", "b")]
    score = differences["a", "b"]["cnn"]
    assert score.percent == pytest.approx(30)
    # Paired: three triplets of ten differ, never to the contrary, so that a
    # sample's difference is a tenth of a binomial count of ten at 0.3.
    assert (score.low, score.high) == pytest.approx((0, 60))


def test_published_averages_follow_from_the_columns():
    human = published_row("human")
    assert human["all distortions"] == pytest.approx(82.6, abs=0.051)
    assert human["all algorithms"] == pytest.approx(69.5, abs=0.051)
    assert human["all"] == pytest.approx(73.9, abs=0.051)
    assert published_row("lpips/alex")["all"] == pytest.approx(69.8, abs=0.051)
    assert published_row("psnr") is None


def test_an_average_needs_all_of_its_subsets():
    assert list(table_columns(["own", "cnn"])) == ["cnn", "own", "all"]
    assert set(AVERAGES) < set(table_columns(SUBSETS))


def test_jnd_is_averaged_over_subsets():
    pairs = {
        "a": (np.array([1.0, 0.0]), {"m": np.array([0.1, 0.2])}),
        "b": (np.array([0.0, 1.0]), {"m": np.array([0.1, 0.2])}),
    }
    assert jnd_table(pairs)["m"] == {"a": 100, "b": 50, "mAP": 75}


def test_rank_correlation_needs_three_metrics():
    two = {"a": 1.0, "b": 2.0}
    assert rank_correlation(two, two) is None
    three = {**two, "c": 3.0}
    assert rank_correlation(three, dict.fromkeys(three, 1.0)) is None
    assert rank_correlation(three, three) == pytest.approx(1)
