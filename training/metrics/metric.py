"""The interface of the metrics that can be evaluated."""

import abc
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from keras_lpips_cli.errors import UserError


class MetricError(UserError):
    """A metric is unknown or fails; the message names it."""


class Metric(abc.ABC):
    """A metric with smaller values for closer images.

    Attributes:
        name: name of the metric.

    Images are uint8 RGB `(batch, height, width, 3)`, [0, 255]; distances are
    float64 `(batch,)`, not reduced.
    """

    name: str

    @abc.abstractmethod
    def distances(self, reference, distorted) -> np.ndarray:
        """Returns the distance of each pair."""

    def two_distances(self, reference, distorted0, distorted1):
        """Returns the distances of each triplet's two pairs."""
        return (
            self.distances(reference, distorted0),
            self.distances(reference, distorted1),
        )

    def heat_map(self, reference, distorted) -> np.ndarray:
        """Returns the difference of two images per pixel, float.

        Defaults to the mean squared difference of the channels.

        Args:
            reference: uint8 RGB, `(height, width, 3)`, [0, 255].
            distorted: the same.
        """
        difference = reference.astype(np.float64) - distorted
        return np.mean((difference / 255) ** 2, axis=-1)


@dataclass(frozen=True)
class PairwiseMetric(Metric):
    """A metric that compares two images at a time.

    Attributes:
        name: name of the metric.
        function: function of two uint8 RGB images `(height, width, 3)` that
            returns a number.
        sign: 1 if smaller means closer, -1 if larger does.
        threads: number of pairs compared at once.
    """

    name: str
    function: Callable
    sign: int = 1
    threads: int = 1

    def distances(self, reference, distorted):
        """Returns the distance of each pair."""
        with ThreadPoolExecutor(self.threads) as pool:
            values = list(pool.map(self.function, reference, distorted))
        return self.sign * np.array(values, np.float64)


def count_processors() -> int:
    """Returns the number of usable processors."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
