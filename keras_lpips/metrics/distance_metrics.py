"""LPIPS and DISTS as streaming metrics."""

import keras

from keras_lpips.images.validation import split_sample_weight
from keras_lpips.layers.frozen import (
    freeze_dists,
    freeze_lpips,
    restore_owner,
)


class _DistanceMetric(keras.metrics.Mean):
    """The mean of what a layer computes.

    Args:
        frozen: the `FrozenDistance` of the layer.
        name: name of the metric.
    """

    def __init__(self, frozen, name):
        super().__init__(name=name, dtype=frozen.layer.result_dtype)
        self._frozen = frozen
        # Read by `EarlyStopping` and `ModelCheckpoint`, as in Keras's metrics.
        self._direction = "down"

    def update_state(self, y_true, y_pred, sample_weight=None, mask=None):
        """Adds a batch.

        Args:
            y_true: images, `(batch, height, width, 3)`, in `value_range`.
            y_pred: images of the same shape.
            sample_weight: weights of the images, `(batch,)` or `(batch, 1)`;
                or their masks, `(batch, height, width)`. Defaults to `None`,
                all 1.
            mask: see `LPIPS`. Defaults to `None`.

        Raises:
            ValueError: as in `LPIPS`, and for weights of another shape.
        """
        sample_weight, mask = split_sample_weight(sample_weight, mask)
        distances = self._frozen(y_true, y_pred, mask)
        return super().update_state(distances, sample_weight)

    def get_config(self):
        """Returns the constructor's arguments."""
        return {"name": self.name, **self._frozen.settings()}

    @classmethod
    def from_config(cls, config):
        """Re-creates the metric without downloading anything."""
        return restore_owner(cls, config)


@keras.saving.register_keras_serializable("keras_lpips")
class LPIPSMetric(_DistanceMetric):
    """Computes the mean LPIPS over all images since the last reset.

    Its state is two scalars, `total` and `count`, summed over the replicas of
    a distribution strategy. The backbone is not saved with the model. Losses
    and metrics of one net, dtype and distribution strategy hold its weights
    once.

    Args:
        net: see `LPIPS`. Defaults to "alex".
        version: see `LPIPS`. Defaults to "0.1".
        calibrated: see `LPIPS`. Defaults to `True`.
        value_range: `(lowest, highest)` value of both images. Defaults to
            `(-1.0, 1.0)`.
        taps: see `LPIPS`. Defaults to `None`, all.
        name: name of the metric. Defaults to "lpips".
        dtype: dtype or dtype policy of the backbone. Defaults to "float32"
            under any global policy, so that the number is the reference's.

    Example:

    >>> import numpy as np
    >>> from keras_lpips import LPIPSMetric
    >>> black = np.zeros((1, 64, 64, 3), np.float32)
    >>> metric = LPIPSMetric(value_range=(0, 1))
    >>> metric.update_state(black, black)
    >>> metric.update_state(black, 1 - black)
    >>> print(f"{float(metric.result()):.4f}")
    0.4070
    """

    def __init__(
        self,
        net="alex",
        version="0.1",
        calibrated=True,
        value_range=(-1.0, 1.0),
        *,
        taps=None,
        name="lpips",
        dtype="float32",
    ):
        frozen = freeze_lpips(
            net, version, calibrated, value_range, taps, dtype
        )
        super().__init__(frozen, name)


@keras.saving.register_keras_serializable("keras_lpips")
class DISTSMetric(_DistanceMetric):
    """Computes the mean DISTS over all images since the last reset.

    Args:
        value_range: `(lowest, highest)` value of both images. Defaults to
            `(-1.0, 1.0)`.
        name: name of the metric. Defaults to "dists".
        dtype: see `LPIPSMetric`. Defaults to "float32".

    Example:

    >>> import numpy as np
    >>> from keras_lpips import DISTSMetric
    >>> black = np.zeros((1, 64, 64, 3), np.float32)
    >>> metric = DISTSMetric(value_range=(0, 1))
    >>> metric.update_state(black, 1 - black)
    >>> print(f"{float(metric.result()):.4f}")
    0.3706
    """

    def __init__(
        self, value_range=(-1.0, 1.0), *, name="dists", dtype="float32"
    ):
        frozen = freeze_dists(value_range, dtype)
        super().__init__(frozen, name)
