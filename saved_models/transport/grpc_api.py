"""TensorFlow Serving's gRPC API, by its own PredictionService."""

import grpc
import tensorflow as tf
from tensorflow_serving.apis.predict_pb2 import PredictRequest
from tensorflow_serving.apis.prediction_service_pb2_grpc import (
    PredictionServiceStub,
)

from saved_models.transport.server_error import ServerError, Unavailable

# gRPC's own limit is 4 MiB, less than a large photograph as PNG.
OPTIONS = [
    ("grpc.max_send_message_length", -1),
    ("grpc.max_receive_message_length", -1),
]


class GrpcTransport:
    """Sends `encoded` requests over gRPC.

    Args:
        host: name or address of the server.
        port: its gRPC port.
        model: name of the model.
        version: integer of the version, or `None`.
        label: label of the version, or `None`.
        timeout: longest wait for an answer, in seconds.
        metadata: pairs of strings that are sent along, which a gateway may
            want. Defaults to none.
    """

    def __init__(self, host, port, model, version, label, timeout, metadata=()):
        self._where = f"{host}:{port}"
        self._channel = grpc.insecure_channel(self._where, OPTIONS)
        self._stub = PredictionServiceStub(self._channel)
        self._timeout = timeout
        self._metadata = tuple(metadata)
        self._request = PredictRequest()
        spec = self._request.model_spec
        spec.name, spec.signature_name = model, "encoded"
        if version is not None:
            spec.version.value = version
        if label is not None:
            spec.version_label = label

    def predict(self, references, distorted) -> list[float]:
        """Returns the distances of pairs; see `RestTransport.predict`."""
        request = PredictRequest()
        request.CopyFrom(self._request)
        for role, files in (
            ("reference", references),
            ("distorted", distorted),
        ):
            request.inputs[role].CopyFrom(
                tf.make_tensor_proto(list(files), tf.string)
            )
        try:
            response = self._stub.Predict(
                request, timeout=self._timeout, metadata=self._metadata
            )
        except grpc.RpcError as error:
            raise self._explain(error) from None
        if "distance" not in response.outputs:
            raise ServerError(
                f"{self._where} answered without `distance`, but with "
                f"{sorted(response.outputs)}"
            )
        distances = tf.make_ndarray(response.outputs["distance"]).tolist()
        if len(distances) != len(references):
            raise ServerError(
                f"{self._where} answered {len(distances)} distances to "
                f"{len(references)} pairs"
            )
        return distances

    def _explain(self, error):
        code = error.code()
        if code == grpc.StatusCode.DEADLINE_EXCEEDED:
            return ServerError(
                f"{self._where} did not answer within {self._timeout:g} s"
            )
        message = f"{self._where} answered {code.name}: {error.details()}"
        if code == grpc.StatusCode.UNAVAILABLE:
            return Unavailable(message)
        refused = code in (
            grpc.StatusCode.INVALID_ARGUMENT,
            # The request is larger than the server takes.
            grpc.StatusCode.RESOURCE_EXHAUSTED,
        )
        return ServerError(message, refused)
