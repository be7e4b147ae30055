"""The scores: 36,344 real judgements, cases by hand, and ties."""

import csv

import numpy as np
import pytest

from keras_lpips import TwoAFC
from keras_lpips.metrics.two_afc import (
    human_two_afc_scores,
    two_afc_ceilings,
    two_afc_scores,
)

# In percent: of one retrained AlexNet, of people, and the highest possible.
PUBLISHED = {
    "traditional": (77.47881, 80.844, 85.784),
    "cnn": (82.87076, 84.346, 88.475),
    "superres": (71.18828, 73.601, 80.120),
    "deblur": (61.03814, 66.095, 74.002),
    "color": (65.23305, 68.827, 76.411),
    "frameinterp": (62.42585, 68.610, 75.975),
}


@pytest.fixture(scope="module")
def judgements(shared_data):
    """Columns of every subset: d0, d1, judge."""
    subsets = {}
    path = shared_data / "judgements" / "bapps_2afc_val.csv"
    with open(path, newline="") as file:
        for row in csv.DictReader(file):
            values = [float(row[key]) for key in ("d0", "d1", "judge")]
            subsets.setdefault(row["subset"], []).append(values)
    return {name: np.transpose(rows) for name, rows in subsets.items()}


def test_scores_on_all_real_judgements_are_the_published(judgements):
    assert sum(columns.shape[1] for columns in judgements.values()) == 36_344
    for subset, (score, human, ceiling) in PUBLISHED.items():
        distance0, distance1, judge = judgements[subset]
        found = 100 * two_afc_scores(distance0, distance1, judge).mean()
        assert found == pytest.approx(score, abs=1e-5)
        found = 100 * human_two_afc_scores(judge).mean()
        assert found == pytest.approx(human, abs=1e-3)
        found = 100 * two_afc_ceilings(judge).mean()
        assert found == pytest.approx(ceiling, abs=1e-3)


def test_the_streaming_metric_is_the_mean(judgements):
    distance0, distance1, judge = judgements["frameinterp"]
    metric = TwoAFC()
    for start in range(0, judge.size, 500):
        part = slice(start, start + 500)
        metric.update_state(judge[part], [distance0[part], distance1[part]])
    expected = PUBLISHED["frameinterp"][0] / 100
    assert float(metric.result()) == pytest.approx(expected, abs=1e-6)
    assert len(metric.variables) == 2


def test_equal_distances_score_a_half_whatever_people_said():
    found = two_afc_scores([1, 1, 1, 2], [1, 1, 2, 1], [0, 1, 0.2, 0.2])
    np.testing.assert_allclose(found, [0.5, 0.5, 0.8, 0.2])
    metric = TwoAFC()
    metric.update_state([0, 1, 0.2, 0.2], [[1, 1, 1, 2], [1, 1, 2, 1]])
    assert float(metric.result()) == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([1, 2], [1], [0, 1]), "one length"),
        (([], [], []), "at least 1"),
        (([1], [float("nan")], [1]), "`distance1` must be finite"),
        (([1], [2], [1.5]), r"`judge` must be in \[0, 1\]"),
    ],
)
def test_invalid_judgements_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        two_afc_scores(*arguments)
