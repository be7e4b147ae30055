"""TensorFlow Serving's gRPC API, with its own PredictionService."""

from collections.abc import Iterable, Sequence

import grpc
import tensorflow as tf
from tensorflow_serving.apis.predict_pb2 import PredictRequest
from tensorflow_serving.apis.prediction_service_pb2_grpc import (
    PredictionServiceStub,
)

from saved_models.transport.errors import ServerError, UnavailableError

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
        version: version of the model, or `None`.
        label: label of the version, or `None`.
        timeout: longest wait for a response, in seconds.
        metadata: pairs of strings to send with each request, which a gateway
            may need. Defaults to none.
    """

    def __init__(
        self,
        host: str,
        port: int,
        model: str,
        version: int | None,
        label: str | None,
        timeout: float,
        metadata: Iterable[tuple[str, str]] = (),
    ):
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

    def predict(
        self, references: Sequence[bytes], distorted: Sequence[bytes]
    ) -> list[float]:
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
            raise self._as_server_error(error) from None
        if "distance" not in response.outputs:
            raise ServerError(
                f"{self._where} returned {sorted(response.outputs)}, without "
                "`distance`"
            )
        distances = tf.make_ndarray(response.outputs["distance"]).tolist()
        if len(distances) != len(references):
            raise ServerError(
                f"{self._where} returned {len(distances)} distances for "
                f"{len(references)} pairs"
            )
        return distances

    def _as_server_error(self, error):
        code = error.code()
        if code == grpc.StatusCode.DEADLINE_EXCEEDED:
            return ServerError(
                f"{self._where} did not respond within {self._timeout:g} s"
            )
        message = f"{self._where} returned {code.name}: {error.details()}"
        if code == grpc.StatusCode.UNAVAILABLE:
            return UnavailableError(message)
        rejected = code in (
            grpc.StatusCode.INVALID_ARGUMENT,
            # The request is larger than the server takes.
            grpc.StatusCode.RESOURCE_EXHAUSTED,
        )
        return ServerError(message, rejected)
