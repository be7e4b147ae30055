"""LPIPS as a streaming metric."""

import keras

from keras_lpips.layers.frozen import FrozenLPIPS
from keras_lpips.layers.lpips import LPIPS


@keras.saving.register_keras_serializable("keras_lpips")
class LPIPSMetric(keras.metrics.Mean):
    """The mean LPIPS over all images since the last reset.

    Its state is two scalars, `total` and `count`, summed over the replicas of
    a distribution strategy.

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

    >>> metric = LPIPSMetric(value_range=(0, 1))
    >>> metric.update_state(y_true, y_pred)
    >>> metric.result()
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
        _frozen=None,
    ):
        super().__init__(name=name, dtype="float32")
        self._frozen = _frozen or FrozenLPIPS(
            LPIPS(
                net,
                version,
                calibrated,
                value_range=value_range,
                taps=taps,
                dtype=dtype,
            )
        )

    def update_state(self, y_true, y_pred, sample_weight=None):
        """Adds a batch.

        Args:
            y_true: images, `(batch, height, width, 3)`, in `value_range`.
            y_pred: images of the same shape.
            sample_weight: `(batch,)` weights. Defaults to `None`, all 1.
        """
        distances = self._frozen(y_true, y_pred)
        return super().update_state(distances, sample_weight)

    def get_config(self):
        """Returns the constructor's arguments."""
        return {"name": self.name, **self._frozen.settings()}

    @classmethod
    def from_config(cls, config):
        """Re-creates the metric without fetching anything."""
        return cls(**config, _frozen=FrozenLPIPS.from_settings(config))
