import numpy as np
import pytest

from training.data.dataset import Batch
from training.metrics.metric import Metric
from training.report.shift_robustness import SHIFTS, find_flips

SIDE = 64


class FirstColumn(Metric):
    """Compares the leftmost column's red alone; keeps what it is given."""

    name = "first column"

    def __init__(self):
        self.shapes, self.last_columns = set(), []

    def distances(self, reference, distorted):
        self.shapes |= {reference.shape, distorted.shape}
        self.last_columns.append(distorted[0, 0, -1, 0])
        columns = [
            x[:, 0, 0, 0].astype(np.float64) for x in (reference, distorted)
        ]
        return np.abs(columns[1] - columns[0])


def batch(first, second):
    """Triplets of a black reference; columns by `{column: red}`."""
    images = {
        role: np.zeros((len(first), SIDE, SIDE, 3), np.uint8)
        for role in ("ref", "p0", "p1")
    }
    for role, columns in (("p0", first), ("p1", second)):
        for triplet, reds in enumerate(columns):
            for column, red in reds.items():
                images[role][triplet, :, column, 0] = red
    count = len(first)
    return Batch(images, np.zeros(count, np.float32), count * ["x"])


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        # By column 0 the second is closer; by the columns that a shift
        # brings there, the closer one is the first, both, or the second.
        ({0: 9, 1: 1, 2: 5, 3: 9}, {1: 5, 2: 5, 3: 5}, [1, 1, 0]),
        # The first is closer, until the third column tells the contrary.
        ({0: 1, 1: 1, 2: 1, 3: 7}, {0: 2, 1: 2, 2: 2, 3: 2}, [0, 0, 1]),
        # What is equal stays equal, and is none by a difference.
        ({0: 4}, {0: 4, 2: 1}, [0, 1, 0]),
        # Columns from the right never come to the left.
        ({0: 1, SIDE - 1: 9}, {0: 2, 1: 3, 2: 3, 3: 3}, [0, 0, 0]),
    ],
)
def test_a_flip_is_a_change_of_the_order_at_that_shift(first, second, expected):
    found = find_flips(FirstColumn(), batch([first], [second]))
    np.testing.assert_array_equal(found, [np.array(expected, bool)])


def test_each_triplet_has_its_own_flips():
    found = find_flips(
        FirstColumn(),
        batch([{0: 9}, {0: 1, 1: 1}], [{1: 5, 2: 5, 3: 5}, {0: 2, 1: 2}]),
    )
    assert found.shape == (2, len(SHIFTS))
    np.testing.assert_array_equal(found, [[1, 1, 1], [0, 1, 1]])


def test_all_images_are_cropped_alike_and_no_border_comes_in():
    metric = FirstColumn()
    images = batch([{x: x for x in range(SIDE)}], [{}])
    find_flips(metric, images)
    assert metric.shapes == {(1, SIDE, SIDE - max(SHIFTS), 3)}
    # Of the first distorted image: the last column moves on by a pixel.
    still = SIDE - max(SHIFTS) - 1
    assert metric.last_columns[::2] == [still + x for x in (0, *SHIFTS)]
