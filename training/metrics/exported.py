"""A SavedModel as a metric."""

import numpy as np

from keras_lpips.inference.saved_model import ExportedScorer
from training.metrics.metric import Metric

# VGG's vectors take 32 MB for an image of 256 x 256 pixels.
TRIPLETS_AT_ONCE = 8


class ExportedMetric(Metric):
    """An export of `saved_models.export`, run by TensorFlow alone.

    Args:
        name: name of the metric.
        folder: see `keras_lpips.inference.saved_model.ExportedScorer`.
    """

    def __init__(self, name: str, folder):
        self.name = name
        self._exported = ExportedScorer(folder)

    def distances(self, reference, distorted):
        """Returns the distance of each pair."""
        taps = self._exported.per_layer(reference, distorted)
        return taps.astype(np.float64).sum(axis=-1)

    def two_distances(self, reference, distorted0, distorted1):
        """Returns a triplet's two distances from three passes."""
        parts = [
            self._from_vectors(
                *(
                    batch[start : start + TRIPLETS_AT_ONCE]
                    for batch in (reference, distorted0, distorted1)
                )
            )
            for start in range(0, len(reference), TRIPLETS_AT_ONCE)
        ]
        return tuple(map(np.concatenate, zip(*parts, strict=True)))

    def _from_vectors(self, *triplets):
        reference, *distorted = map(self._exported.embed, triplets)
        return [
            np.sum((reference - vectors) ** 2, axis=-1, dtype=np.float64)
            for vectors in distorted
        ]

    def heat_map(self, reference, distorted):
        """Returns the export's spatial map, `(height, width)`."""
        return self._exported.spatial_map(reference[None], distorted[None])[0]
