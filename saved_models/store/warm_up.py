"""Warm-up requests, which a server runs while it loads a version.

Without them, the first request of every shape is slow.
"""

from collections.abc import Iterator
from pathlib import Path

import tensorflow as tf
from tensorflow_serving.apis.predict_pb2 import PredictRequest
from tensorflow_serving.apis.prediction_log_pb2 import PredictionLog

from saved_models.graph.signatures import Signature

WARM_UP = Path("assets.extra", "tf_serving_warmup_requests")
# Heights and widths, in pixels.
USUAL_SIDES = (64, 256)


def write_warm_up(folder: Path, signatures: dict[str, Signature]) -> None:
    """Writes the requests into the folder of a version.

    Args:
        folder: the version's folder.
        signatures: `Signature` by name.
    """
    path = Path(folder, WARM_UP)
    path.parent.mkdir(exist_ok=True)
    with tf.io.TFRecordWriter(str(path)) as writer:
        for request in make_requests(signatures):
            log = PredictionLog()
            log.predict_log.request.CopyFrom(request)
            writer.write(log.SerializeToString())


def make_requests(signatures: dict[str, Signature]) -> Iterator[PredictRequest]:
    """Yields a request for every signature at every usual size.

    The images are black, since constant tensors take few bytes.
    """
    for name, signature in signatures.items():
        for side in USUAL_SIDES:
            request = PredictRequest()
            request.model_spec.signature_name = name
            for role, spec in signature.inputs.items():
                request.inputs[role].CopyFrom(_black(spec.dtype, side))
            yield request


def _black(dtype, side):
    if dtype == tf.string:
        black = tf.zeros((side, side, 3), tf.uint8)
        file = tf.io.encode_png(black).numpy()
        return tf.make_tensor_proto([file], dtype)
    return tf.make_tensor_proto(0, dtype, (1, side, side, 3))
