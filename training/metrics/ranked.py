"""A trained metric whose ranking head compares two images."""

import numpy as np

from training.metrics.metric import Metric


class RankedMetric(Metric):
    """A trained distance and the ranking head that compares two distances.

    A triplet's "distances" are the predicted shares of people who find the
    other image closer. A single pair, as in JND, has the plain distance.

    Args:
        name: name of the metric.
        metric: the distance.
        head: function of two distances, float32 `(batch,)`, that returns the
            logit of the share who find the second closer.
    """

    def __init__(self, name: str, metric: Metric, head):
        self.name = name
        self._metric = metric
        self._head = head

    def distances(self, reference, distorted):
        """Returns the distance of each pair, without the head."""
        return self._metric.distances(reference, distorted)

    def two_distances(self, reference, distorted0, distorted1):
        """Returns the predicted shares of people who prefer the other image."""
        pair = self._metric.two_distances(reference, distorted0, distorted1)
        logits = np.asarray(self._head(*(x.astype(np.float32) for x in pair)))
        # Exactly 1/2 each where the logit is 0.
        half = np.tanh(logits.astype(np.float64) / 2) / 2
        return 0.5 + half, 0.5 - half

    def heat_map(self, reference, distorted):
        """Returns the distance's own map."""
        return self._metric.heat_map(reference, distorted)
