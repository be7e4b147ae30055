"""LPIPS as a loss."""

import keras

from keras_lpips.layers.frozen import FrozenLPIPS
from keras_lpips.layers.lpips import LPIPS


@keras.saving.register_keras_serializable("keras_lpips")
class LPIPSLoss(keras.Loss):
    """LPIPS between what a model should have made and what it made.

    Gradients reach `y_pred` only, and are finite everywhere.

    Args:
        net: see `LPIPS`. Defaults to "vgg".
        version: see `LPIPS`. Defaults to "0.1".
        calibrated: see `LPIPS`. Defaults to `True`.
        value_range: `(lowest, highest)` value of both images. Defaults to
            `(-1.0, 1.0)`.
        taps: see `LPIPS`. Defaults to `None`, all.
        reduction: as in `keras.Loss`. Defaults to "sum_over_batch_size".
        name: name of the loss. Defaults to "lpips".
        dtype: dtype or dtype policy of the backbone; norms and distances are
            float32 under any. Defaults to the global policy.

    Call arguments:
        y_true: images, `(batch, height, width, 3)`, in `value_range`.
        y_pred: images of the same shape.
        sample_weight: `(batch,)` weights.

    Returns:
        float32: reduced, or `(batch,)` if `reduction` is `None` or "none".

    Example:

    >>> model.compile("adam", loss=LPIPSLoss(value_range=(0, 1)))
    """

    def __init__(
        self,
        net="vgg",
        version="0.1",
        calibrated=True,
        value_range=(-1.0, 1.0),
        *,
        taps=None,
        reduction="sum_over_batch_size",
        name="lpips",
        dtype=None,
        _frozen=None,
    ):
        super().__init__(name=name, reduction=reduction, dtype="float32")
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

    def call(self, y_true, y_pred):
        """Returns the distances, float32, `(batch,)`."""
        return self._frozen(y_true, y_pred)

    def get_config(self):
        """Returns the constructor's arguments."""
        return {
            "name": self.name,
            "reduction": self.reduction,
            **self._frozen.settings(),
        }

    @classmethod
    def from_config(cls, config):
        """Re-creates the loss without fetching anything."""
        return cls(**config, _frozen=FrozenLPIPS.from_settings(config))
