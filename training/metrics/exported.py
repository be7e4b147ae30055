"""A SavedModel as a metric."""

import numpy as np

from keras_lpips.exported import Exported
from training.metrics.metric import Metric


class ExportedMetric(Metric):
    """What `saved_models.export` wrote, run by TensorFlow alone.

    Args:
        name: as the user gave it.
        folder: see `keras_lpips.exported.Exported`.
    """

    def __init__(self, name: str, folder):
        self.name = name
        self._exported = Exported(folder)

    def distances(self, reference, distorted):
        """Returns the distance of each pair."""
        taps = self._exported.per_layer(reference, distorted)
        return taps.astype(np.float64).sum(axis=-1)

    def heat_map(self, reference, distorted):
        """Returns the export's spatial map, `(height, width)`."""
        return self._exported.spatial_map(reference[None], distorted[None])[0]
