"""The layer of a loss or a metric, neither saved nor trained."""

import threading
import weakref

import keras

from keras_lpips.backbones.registry import find_backbone
from keras_lpips.backbones.stages import restoring_from_config
from keras_lpips.layers.dists import DISTS
from keras_lpips.layers.image_distance import ImageDistance
from keras_lpips.layers.isolation import current_strategy, run_outside_scopes
from keras_lpips.layers.lpips import LPIPS
from keras_lpips.weights.npz import WeightsError

_shared_backbones: weakref.WeakValueDictionary = weakref.WeakValueDictionary()
_lock = threading.Lock()


class FrozenDistance:
    """Hides a layer from Keras's variable tracking.

    The weights of a named backbone are the published ones, so a saved model
    needs only the settings and stays small. All losses and metrics with the
    same backbone, dtype and distribution strategy use the same variables.

    The layer is created outside the caller's scopes, so that it can also be
    created while Keras builds or traces a model.

    Args:
        layer_class: `SharingLPIPS` or `SharingDISTS`.
        dtype: dtype or dtype policy of the backbone. `None` is the global
            policy.
        **settings: the other arguments of the layer, which the loss or metric
            also takes.
    """

    def __init__(self, layer_class, dtype, **settings):
        policy = keras.dtype_policies.get(dtype or keras.config.dtype_policy())
        self.layer = run_outside_scopes(
            lambda: layer_class(dtype=policy, **settings)
        )
        self._settings = ("dtype", *settings)

    def __call__(self, y_true, y_pred, mask=None):
        """Returns the distances, `(batch,)`."""
        if self.layer.created_without_weights:
            raise WeightsError(
                f"The backbone of {self.layer.net!r} was not saved with the "
                "model and is not in the local cache. Fetch it (keras-lpips "
                "weights fetch) and load the model again; for a backbone of "
                "your own, compile the model again"
            )
        return self.layer(y_true, y_pred, mask=mask)

    def settings(self) -> dict:
        """Returns the layer's arguments that the loss or metric also takes."""
        config = self.layer.get_config()
        return {name: config[name] for name in self._settings}


def restore_owner(cls, config):
    """Re-creates a loss or metric from its configuration.

    Args:
        cls: class of the loss or metric.
        config: result of its `get_config`.
    """
    config = dict(config)
    if isinstance(config.get("net"), dict):
        config["net"] = keras.saving.deserialize_keras_object(config["net"])
    with restoring_from_config():
        return cls(**config)


class _SharedBackbone:
    """A backbone in use, and the strategy under which it was created."""

    def __init__(self, model, strategy):
        self.model = model
        # Its `id` is part of the cache key, so it must not be freed earlier.
        self.strategy = strategy


class _Sharing(ImageDistance):
    """A layer that uses the shared variables of a named backbone."""

    def _load_named_backbone(self, net):
        strategy = current_strategy()
        policy = keras.dtype_policies.serialize(self.dtype_policy)
        # Two versions may have the same weights in different graphs.
        graph = id(find_backbone(net, self.version))
        key = (graph, repr(policy), id(strategy))
        with _lock:
            shared = _shared_backbones.get(key)
            if shared is None:
                model, missing = super()._load_named_backbone(net)
                if missing:
                    return model, True
                shared = _SharedBackbone(model, strategy)
                _shared_backbones[key] = shared
        self._shared_backbone = shared
        return shared.model, False


class SharingLPIPS(_Sharing, LPIPS):
    """An `LPIPS` layer for losses and metrics."""


class SharingDISTS(_Sharing, DISTS):
    """A `DISTS` layer for losses and metrics."""


def freeze_lpips(
    net, version, calibrated, value_range, taps, dtype
) -> FrozenDistance:
    """Returns the hidden `LPIPS` layer of a loss or metric."""
    return FrozenDistance(
        SharingLPIPS,
        dtype,
        net=net,
        version=version,
        calibrated=calibrated,
        value_range=value_range,
        taps=taps,
    )


def freeze_dists(value_range, dtype) -> FrozenDistance:
    """Returns the hidden `DISTS` layer of a loss or metric."""
    return FrozenDistance(SharingDISTS, dtype, value_range=value_range)
