"""The LPIPS inside a loss or a metric: used, neither saved nor trained."""

from keras_lpips.layers.lpips import LPIPS
from keras_lpips.weights.npz import WeightsError

SETTINGS = ("net", "version", "calibrated", "value_range", "taps", "dtype")


class FrozenLPIPS:
    """Holds a layer out of Keras's sight.

    Its weights are the published ones, so a saved model needs only its
    settings, and stays small.

    Args:
        lpips: the layer.
    """

    def __init__(self, lpips):
        self.lpips = lpips

    def __call__(self, y_true, y_pred):
        """Returns the distances, float32, `(batch,)`."""
        if self.lpips.created_without_weights:
            raise WeightsError(
                f"The backbone of {self.lpips.net!r} was not saved with the "
                "model and is not in the local cache. Fetch it (keras-lpips "
                "weights fetch) and load the model again; for a backbone of "
                "your own, compile the model again"
            )
        return self.lpips(y_true, y_pred)

    def settings(self) -> dict:
        """Returns the arguments of the layer that its owner takes."""
        config = self.lpips.get_config()
        return {name: config[name] for name in SETTINGS}

    @classmethod
    def from_settings(cls, config):
        """Re-creates the layer from the local cache, without fetching."""
        known = {name: config[name] for name in SETTINGS if name in config}
        return cls(LPIPS.from_config(known))
