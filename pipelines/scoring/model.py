"""LPIPS as one TensorFlow graph for uint8 images of all sizes."""

import functools
from collections.abc import Callable, Iterable, Iterator

import keras
import numpy as np
import tensorflow as tf

from keras_lpips.inference.scorer import make_layer
from keras_lpips.layers.normalization import to_signed_unit
from keras_lpips_cli.errors import UserError
from pipelines.scoring.batching import Batch, read_batches
from pipelines.scoring.config import ModelConfig, ScoringConfig
from pipelines.scoring.pairs import Entry

WARM_UP_SIZE = 64


class Model:
    """Scores batches of any size without retracing.

    Args:
        config: the net, and whether distances per pixel are computed too.

    Raises:
        UserError: TensorFlow runs with another number of threads already.
    """

    def __init__(self, config: ScoringConfig):
        self.config = config
        self._lpips = make_lpips(config)
        self.smallest_size = self._lpips.smallest_size
        self._graph = make_graph(self._outputs, arguments=2)

    @functools.cached_property
    def _masked_graph(self):
        return make_graph(self._outputs, arguments=2, mask=True)

    def score_pairs(
        self, pairs: Iterable[Entry], errors: dict[int, str]
    ) -> Iterator[tuple[tuple[int, ...], np.ndarray, np.ndarray | None]]:
        """Scores pairs, in another order.

        Args:
            pairs: the pairs to read and score.
            errors: dictionary that receives an error message by position.

        Yields:
            Positions, distances, and distances per pixel or `None`; see
            `score`.
        """
        for batch in read_batches(
            pairs, self.config, self.smallest_size, errors
        ):
            yield batch.positions, *self.score(batch)

    def score(self, batch: Batch) -> tuple[np.ndarray, np.ndarray | None]:
        """Scores a batch.

        Returns:
            The distances, float32, `(batch,)`, and per pixel, float32,
            `(batch, height, width)`, or `None`.
        """
        masked = len(batch.images) == 3
        graph = self._masked_graph if masked else self._graph
        distances, maps = graph(*batch.images)
        return distances.numpy(), maps.numpy() if self.config.maps else None

    def _outputs(self, references, distorted, mask=None):
        pair = to_signed_unit(references), to_signed_unit(distorted)
        if not self.config.maps:
            return self._lpips(*pair, mask=mask), tf.zeros(())
        return self._lpips.with_spatial_map(*pair, mask=mask)


def make_lpips(config: ModelConfig):
    """Returns the metric's layer, after setting the number of threads.

    It is float32 under any global policy, for parity with the reference.

    Raises:
        UserError: TensorFlow runs with another number of threads already.
    """
    if config.threads:
        _set_threads(config.threads)
    return make_layer(*config.layer, dtype="float32")


def make_graph(function: Callable, arguments: int, mask: bool = False):
    """Compiles a function of images, uint8 `(batch, height, width, 3)`.

    With `mask`, its last argument is a mask, float32 `(batch, height, width)`.
    A warm-up call traces the function before the first batch is read.
    """
    images = tf.TensorSpec((None, None, None, 3), tf.uint8)
    masks = [tf.TensorSpec((None, None, None), tf.float32)] * mask
    graph = tf.function(
        function, autograph=False, input_signature=[images] * arguments + masks
    )
    black = np.zeros((1, WARM_UP_SIZE, WARM_UP_SIZE, 3), np.uint8)
    ones = np.ones((1, WARM_UP_SIZE, WARM_UP_SIZE), np.float32)
    graph(*[black] * arguments, *[ones] * mask)
    return graph


def _set_threads(threads):
    """Sets TensorFlow's number of intra-op threads."""
    if keras.backend.backend() != "tensorflow":
        raise UserError("--threads needs Keras's TensorFlow backend.")
    try:
        tf.config.threading.set_intra_op_parallelism_threads(threads)
    except RuntimeError:
        used = tf.config.threading.get_intra_op_parallelism_threads()
        if used != threads:
            raise UserError(
                f"TensorFlow runs with {used or 'all'} threads already."
            ) from None
