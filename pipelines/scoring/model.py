"""The metric as one graph for images of all sizes, read as uint8."""

import keras
import numpy as np
import tensorflow as tf

from keras_lpips.backbones.registry import BACKBONES
from keras_lpips.layers.lpips import LPIPS
from pipelines.scoring.batching import Batch
from tfds_bapps.source.errors import PreparationError

NETS = tuple(BACKBONES)
# Of one side of a batch: 16 images of 256 x 256, 256 of 64 x 64.
BATCH_PIXELS = 1 << 20
WARM_UP_SIZE = 64


class Model:
    """Scores batches of any size without being traced anew.

    Scaling is part of the graph, so that what is handed over is uint8.

    Args:
        net: "alex", "vgg" or "squeeze".
        version: "0.1" or "0.0".
        calibrated: whether the heads are used.
        spatial: whether distances per pixel are computed, too.
        threads: of TensorFlow; 0 leaves their number to it.

    Raises:
        PreparationError: another number of threads is in use already.
    """

    def __init__(self, net, version, calibrated, spatial, threads):
        use_threads(threads)
        # Float32 under any global policy: the number is the reference's.
        self._lpips = LPIPS(net, version, calibrated, dtype="float32")
        self.net = net
        self.smallest_size = self._lpips.smallest_size
        self.spatial = spatial
        images = tf.TensorSpec((None, None, None, 3), tf.uint8)
        self._graph = tf.function(
            self._outputs, autograph=False, input_signature=[images, images]
        )
        # Traced, and its kernels chosen, before the first pair is read.
        nothing = np.zeros((1, WARM_UP_SIZE, WARM_UP_SIZE, 3), np.uint8)
        self.score(Batch((0,), (nothing, nothing)))

    def score(self, batch: Batch) -> tuple[np.ndarray, np.ndarray | None]:
        """Scores a batch.

        Returns:
            The distances, float32, `(batch,)`, and per pixel, float32,
            `(batch, height, width)`, or `None`.
        """
        distances, maps = self._graph(*batch.images)
        return distances.numpy(), maps.numpy() if self.spatial else None

    def _outputs(self, references, distorted):
        pair = [
            tf.cast(images, tf.float32) / 127.5 - 1
            for images in (references, distorted)
        ]
        if not self.spatial:
            return self._lpips(*pair), tf.zeros(())
        return self._lpips.with_spatial_map(*pair)


def use_threads(threads: int) -> None:
    """Sets TensorFlow's number of threads for one operation.

    Args:
        threads: 0 leaves it as it is.

    Raises:
        PreparationError: another number is in use already.
    """
    if not threads:
        return
    if keras.backend.backend() != "tensorflow":
        raise PreparationError(
            "pairs are scored on Keras's TensorFlow backend."
        )
    try:
        tf.config.threading.set_intra_op_parallelism_threads(threads)
    except RuntimeError:
        used = tf.config.threading.get_intra_op_parallelism_threads()
        if used != threads:
            raise PreparationError(
                f"TensorFlow runs with {used or 'all'} threads already."
            ) from None
