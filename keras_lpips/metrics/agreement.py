"""How well a metric agrees with people: the 2AFC and the JND scores.

Both are section 3 of the paper. Distances are of any metric for which
smaller means closer.
"""

import keras
import numpy as np
from keras import ops


def two_afc_scores(distance0, distance1, judge) -> np.ndarray:
    """Returns the share of people who agree with a metric, per triplet.

    Formula: `1 - judge` if `distance0 < distance1`, `judge` if
    `distance0 > distance1`, 0.5 if they are equal.

    Args:
        distance0: float, `(triplets,)`: reference to the first distortion.
        distance1: float, `(triplets,)`: reference to the second.
        judge: float, `(triplets,)`, [0, 1]: share of people who found the
            second closer.

    Returns:
        float64, `(triplets,)`, [0, 1]; the 2AFC score is their mean.

    Raises:
        ValueError: on shapes that differ, distances that are not finite, or
            a judge outside [0, 1].
    """
    distance0, distance1, judge = _vectors(
        distance0=distance0, distance1=distance1, judge=judge
    )
    _check_share("judge", judge)
    first_closer = (distance0 < distance1) + 0.5 * (distance0 == distance1)
    return first_closer * (1 - judge) + (1 - first_closer) * judge


def human_two_afc_scores(judge) -> np.ndarray:
    """Returns how often one person agrees with another, per triplet.

    Formula: `judge^2 + (1 - judge)^2`.

    Args:
        judge: float, `(triplets,)`, [0, 1].

    Returns:
        float64, `(triplets,)`, [0.5, 1]; the human score is their mean.
    """
    (judge,) = _vectors(judge=judge)
    _check_share("judge", judge)
    return judge**2 + (1 - judge) ** 2


def two_afc_ceilings(judge) -> np.ndarray:
    """Returns the best score that any metric can have, per triplet.

    Formula: `max(judge, 1 - judge)`.

    Args:
        judge: float, `(triplets,)`, [0, 1].

    Returns:
        float64, `(triplets,)`, [0.5, 1].
    """
    (judge,) = _vectors(judge=judge)
    _check_share("judge", judge)
    return np.maximum(judge, 1 - judge)


def jnd_average_precision(distances, same) -> float:
    """Returns the average precision with which closeness tells sameness.

    Pairs are taken from the closest to the farthest. With `TP = cumsum(same)`
    and `FP = cumsum(1 - same)`, precision is `TP / (TP + FP)` and recall is
    `TP / sum(same)`; the result is the area under the envelope of precision
    over recall (VOC's, not the one at 11 points). Votes are soft, and pairs of
    equal distance keep their order.

    Args:
        distances: float, `(pairs,)`.
        same: float, `(pairs,)`, [0, 1]: share of people who said "same".

    Returns:
        The average precision, [0, 1]; the paper's mAP is its mean over the
        subsets.

    Raises:
        ValueError: also if nobody said "same", which leaves no recall.
    """
    distances, same = _vectors(distances=distances, same=same)
    _check_share("same", same)
    if same.sum() == 0:
        raise ValueError("`same` must be above 0 somewhere. Received: all 0")
    same = same[np.argsort(distances, kind="stable")]
    precision = np.cumsum(same) / np.arange(1, same.size + 1)
    recall = np.cumsum(same) / same.sum()
    # The highest precision at this recall or any higher one.
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    return float(np.sum(np.diff(recall, prepend=0) * envelope))


@keras.saving.register_keras_serializable("keras_lpips")
class TwoAFC(keras.metrics.Mean):
    """The 2AFC score as a streaming metric.

    Its state is two scalars, `total` and `count`.

    Args:
        name: name of the metric. Defaults to "two_afc".
        dtype: dtype of the state. Defaults to `None`, Keras's float type.

    Example:

    >>> metric = TwoAFC()
    >>> metric.update_state(judge, [distance0, distance1])
    """

    def __init__(self, name="two_afc", dtype=None):
        super().__init__(name=name, dtype=dtype)

    def update_state(self, judge, distances, sample_weight=None):
        """Adds a batch.

        Args:
            judge: float, `(batch,)`, [0, 1]: share of people who found the
                second distortion closer.
            distances: pair of float `(batch,)`: to the first and the second.
            sample_weight: `(batch,)` weights. Defaults to `None`, all 1.
        """
        judge = ops.convert_to_tensor(judge, self.dtype)
        distance0, distance1 = distances
        # 1 where the first is closer, 0 where the second is, 0.5 between.
        sign = ops.sign(ops.subtract(distance1, distance0))
        first_closer = ops.cast((sign + 1) / 2, self.dtype)
        scores = first_closer * (1 - judge) + (1 - first_closer) * judge
        return super().update_state(scores, sample_weight)

    def get_config(self):
        """Returns the constructor's arguments."""
        return {"name": self.name, "dtype": self.dtype}


def _vectors(**arrays):
    arrays = {k: np.asarray(v, np.float64) for k, v in arrays.items()}
    shapes = {name: array.shape for name, array in arrays.items()}
    (first, *_) = shapes.values()
    if len(first) != 1 or not first[0] or len(set(shapes.values())) > 1:
        raise ValueError(
            "Judgements and distances must be vectors of one length, at least "
            f"1. Received: {shapes}"
        )
    for name, array in arrays.items():
        if not np.isfinite(array).all():
            raise ValueError(f"`{name}` must be finite. Received: NaN or inf")
    return list(arrays.values())


def _check_share(name, share):
    if share.min() < 0 or share.max() > 1:
        raise ValueError(
            f"`{name}` must lie in [0, 1]. "
            f"Received: {share.min():g} to {share.max():g}"
        )
