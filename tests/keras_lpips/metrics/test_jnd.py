"""The average precision of sameness: cases by hand, ties and errors."""

import numpy as np
import pytest

from keras_lpips.metrics.jnd import jnd_average_precision


def test_average_precision_by_hand_with_a_tie():
    # Sorted: same = 1, 0, 1, 0.5 (the tie at 2 keeps its order).
    distances, same = [2, 1, 2, 3], [0, 1, 1, 0.5]
    # Precision 1, 1/2, 2/3, 5/8; envelope 1, 2/3, 2/3, 5/8; recall steps
    # 1, 0, 1, 0.5 out of 2.5.
    expected = (1 * 1 + 1 * 2 / 3 + 0.5 * 5 / 8) / 2.5
    assert jnd_average_precision(distances, same) == pytest.approx(expected)


def test_average_precision_depends_on_the_order():
    # The reference returns the first vote whatever the distances.
    same = np.array([1 / 3, 1.0, 0.0, 2 / 3])
    best = jnd_average_precision(-same, same)
    worst = jnd_average_precision(same, same)
    assert best > worst
    assert best != pytest.approx(same[0])
    assert worst != pytest.approx(same[0])


def test_nobody_saying_same_leaves_no_recall():
    with pytest.raises(ValueError, match="`same` must be above 0"):
        jnd_average_precision([1, 2], [0, 0])
