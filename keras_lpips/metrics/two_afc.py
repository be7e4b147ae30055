"""The 2AFC score: agreement with judgements of which of two is closer.

Zhang et al. (2018), section 3. Distances are those of any metric for which
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
    distance0, distance1, judge = check_vectors(
        distance0=distance0, distance1=distance1, judge=judge
    )
    check_share("judge", judge)
    return _agreeing_share(np.sign(distance1 - distance0), judge)


def human_two_afc_scores(judge) -> np.ndarray:
    """Returns how often one person agrees with another, per triplet.

    Formula: `judge^2 + (1 - judge)^2`.

    Args:
        judge: float, `(triplets,)`, [0, 1].

    Returns:
        float64, `(triplets,)`, [0.5, 1]; the human score is their mean.
    """
    (judge,) = check_vectors(judge=judge)
    check_share("judge", judge)
    return judge**2 + (1 - judge) ** 2


def two_afc_ceilings(judge) -> np.ndarray:
    """Returns the best score that any metric can have, per triplet.

    Formula: `max(judge, 1 - judge)`.

    Args:
        judge: float, `(triplets,)`, [0, 1].

    Returns:
        float64, `(triplets,)`, [0.5, 1].
    """
    (judge,) = check_vectors(judge=judge)
    check_share("judge", judge)
    return np.maximum(judge, 1 - judge)


@keras.saving.register_keras_serializable("keras_lpips")
class TwoAFC(keras.metrics.Mean):
    """Computes the 2AFC score over all triplets since the last reset.

    Its state is two scalars, `total` and `count`.

    Args:
        name: name of the metric. Defaults to "two_afc".
        dtype: dtype of the state. Defaults to `None`, Keras's float type.

    Example:

    >>> from keras_lpips import TwoAFC
    >>> metric = TwoAFC()
    >>> judge = [0.2, 1.0]
    >>> metric.update_state(judge, [[0.1, 0.4], [0.3, 0.2]])
    >>> print(f"{float(metric.result()):.2f}")
    0.90
    """

    def __init__(self, name="two_afc", dtype=None):
        super().__init__(name=name, dtype=dtype)
        # Read by `EarlyStopping` and `ModelCheckpoint`, as in Keras's metrics.
        self._direction = "up"

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
        sign = ops.cast(
            ops.sign(ops.subtract(distance1, distance0)), self.dtype
        )
        scores = _agreeing_share(sign, judge)
        return super().update_state(scores, sample_weight)

    def get_config(self):
        """Returns the constructor's arguments."""
        return {"name": self.name, "dtype": self.dtype}


def _agreeing_share(sign, judge):
    """Returns the share of people who agree; arrays or tensors.

    Args:
        sign: sign of `distance1 - distance0`.
        judge: share of people who found the second closer.
    """
    # 1 where the first is closer, 0 where the second is, 0.5 at a tie.
    first_closer = (sign + 1) / 2
    return first_closer * (1 - judge) + (1 - first_closer) * judge


def check_vectors(**arrays) -> list[np.ndarray]:
    """Returns finite float64 vectors of one length, or raises `ValueError`."""
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


def check_share(name: str, share) -> None:
    """Raises `ValueError` unless every value is in [0, 1]."""
    if share.min() < 0 or share.max() > 1:
        raise ValueError(
            f"`{name}` must be in [0, 1]. "
            f"Received: {share.min():g} to {share.max():g}"
        )
