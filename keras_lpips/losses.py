"""LPIPS and DISTS as losses."""

import keras

from keras_lpips.images.validation import check_images, split_sample_weight
from keras_lpips.layers.frozen import (
    freeze_dists,
    freeze_lpips,
    restore_owner,
)


class _DistanceLoss(keras.Loss):
    """A loss that a layer computes.

    Args:
        frozen: the `FrozenDistance` of the layer.
        reduction: as in `keras.Loss`.
        name: name of the loss.
    """

    def __init__(self, frozen, reduction, name):
        super().__init__(
            name=name, reduction=reduction, dtype=frozen.layer.result_dtype
        )
        self._frozen = frozen

    def __call__(self, y_true, y_pred, sample_weight=None, mask=None):
        """Returns the reduced loss; see the class."""
        # Keras converts integers to float before `call`.
        for images in (y_true, y_pred):
            if hasattr(images, "dtype"):
                check_images(
                    images.shape,
                    keras.backend.standardize_dtype(images.dtype),
                    self._frozen.layer.value_range,
                    self._frozen.layer.smallest_size,
                )
        sample_weight, mask = split_sample_weight(sample_weight, mask)
        if mask is not None:
            # Keras passes two arguments to `call`, each of any structure.
            y_pred = (y_pred, keras.ops.cast(mask, self.dtype))
        return super().__call__(y_true, y_pred, sample_weight)

    def call(self, y_true, y_pred):
        """Returns the distances, `(batch,)`."""
        if isinstance(y_pred, tuple):
            return self._frozen(y_true, *y_pred)
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
        """Re-creates the loss without downloading anything."""
        return restore_owner(cls, config)


@keras.saving.register_keras_serializable("keras_lpips")
class LPIPSLoss(_DistanceLoss):
    """Computes LPIPS between `y_true` and `y_pred`.

    Gradients flow to both and are finite everywhere. The backbone is not
    trained and not saved with the model. Losses and metrics of one net, dtype
    and distribution strategy hold its weights once.

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
            float32 under any but float64. Defaults to the global policy.

    Call arguments:
        y_true: images, `(batch, height, width, 3)`, in `value_range`.
        y_pred: images of the same shape.
        sample_weight: weights of the images, `(batch,)` or `(batch, 1)`; or
            their masks, `(batch, height, width)`, which `fit` passes on.
        mask: see `LPIPS`. Defaults to `None`.

    Returns:
        float32 (float64 under that policy): reduced, or `(batch,)` if
        `reduction` is `None` or "none". NaN for an image that holds NaN or
        infinity.

    Raises:
        ValueError: as in `LPIPS`, and for weights of another shape.

    Example:

    >>> import numpy as np
    >>> from keras_lpips import LPIPSLoss
    >>> black = np.zeros((1, 64, 64, 3), np.float32)
    >>> loss = LPIPSLoss(net="alex", value_range=(0, 1))
    >>> print(f"{float(loss(black, 1 - black)):.4f}")
    0.8140

    As the loss of a model: `model.compile("adam", loss=LPIPSLoss())`.
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
    ):
        frozen = freeze_lpips(
            net, version, calibrated, value_range, taps, dtype
        )
        super().__init__(frozen, reduction, name)


@keras.saving.register_keras_serializable("keras_lpips")
class DISTSLoss(_DistanceLoss):
    """Computes DISTS between `y_true` and `y_pred`.

    Gradients flow to both and are finite everywhere. The backbone is not
    trained and not saved with the model.

    Args:
        value_range: `(lowest, highest)` value of both images. Defaults to
            `(-1.0, 1.0)`.
        reduction: as in `keras.Loss`. Defaults to "sum_over_batch_size".
        name: name of the loss. Defaults to "dists".
        dtype: see `LPIPSLoss`. Defaults to the global policy.

    Call arguments: as in `LPIPSLoss`.

    Returns:
        As in `LPIPSLoss`.

    Raises:
        ValueError: as in `LPIPSLoss`.

    Example:

    >>> import numpy as np
    >>> from keras_lpips import DISTSLoss
    >>> black = np.zeros((1, 64, 64, 3), np.float32)
    >>> loss = DISTSLoss(value_range=(0, 1))
    >>> print(f"{float(loss(black, 1 - black)):.4f}")
    0.3706
    """

    def __init__(
        self,
        value_range=(-1.0, 1.0),
        *,
        reduction="sum_over_batch_size",
        name="dists",
        dtype=None,
    ):
        frozen = freeze_dists(value_range, dtype)
        super().__init__(frozen, reduction, name)
