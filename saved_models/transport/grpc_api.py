"""TensorFlow Serving's gRPC API, with its own PredictionService."""

from collections.abc import Sequence

import grpc
import tensorflow as tf
from tensorflow_serving.apis.get_model_status_pb2 import (
    GetModelStatusRequest,
    ModelVersionStatus,
)
from tensorflow_serving.apis.model_service_pb2_grpc import ModelServiceStub
from tensorflow_serving.apis.predict_pb2 import PredictRequest
from tensorflow_serving.apis.prediction_service_pb2_grpc import (
    PredictionServiceStub,
)

from saved_models.transport.errors import (
    PairError,
    RefusedError,
    ServerError,
    TooLargeError,
    UnavailableError,
)
from saved_models.transport.responses import (
    Endpoint,
    choose_version,
    clean,
    read_results,
)

OPTIONS = [
    # gRPC's own limit is 4 MiB, less than a large photograph as PNG.
    ("grpc.max_send_message_length", -1),
    # Milliseconds until a lost connection is opened again. By default the
    # second wait is longer than all retries of a request.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1000),
]
# This client cancels no request: a server does that as it ends.
RETRIED = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED)
# RESOURCE_EXHAUSTED has two meanings. With these words it is said of a message
# that is too large; otherwise the server has no free thread or memory.
TOO_LARGE = "larger than max"


class GrpcTransport:
    """Sends `encoded` requests over gRPC.

    Args:
        endpoint: the model, and the server's gRPC port.
    """

    def __init__(self, endpoint: Endpoint):
        self._where = f"{endpoint.host}:{endpoint.port}"
        self._channel = grpc.insecure_channel(self._where, OPTIONS)
        self._predictions = PredictionServiceStub(self._channel)
        self._models = ModelServiceStub(self._channel)
        self._timeout = endpoint.timeout
        self._request = PredictRequest()
        spec = self._request.model_spec
        spec.name, spec.signature_name = endpoint.model, "encoded"
        if endpoint.version is not None:
            spec.version.value = endpoint.version
        if endpoint.label is not None:
            spec.version_label = endpoint.label

    def find_version(self) -> int | None:
        """Returns the version; see `RestTransport.find_version`."""
        request = GetModelStatusRequest(model_spec=self._request.model_spec)
        try:
            response = self._models.GetModelStatus(
                request, timeout=self._timeout
            )
        except grpc.RpcError as error:
            # Of the two services, such a server has the predictions alone.
            if error.code() == grpc.StatusCode.UNIMPLEMENTED:
                return None
            raise self._as_server_error(error) from None
        state = ModelVersionStatus.State
        return choose_version(
            [
                (status.version, state.Name(status.state))
                for status in response.model_version_status
            ],
            self._where,
        )

    def predict(
        self, references: Sequence[bytes], distorted: Sequence[bytes]
    ) -> list[float | PairError]:
        """Returns the distances of pairs; see `RestTransport.predict`."""
        if not references:
            raise ValueError("`references` must hold at least one file")
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
            response = self._predictions.Predict(request, timeout=self._timeout)
        except grpc.RpcError as error:
            raise self._as_server_error(error) from None
        outputs = response.outputs
        if "distance" not in outputs:
            raise ServerError(
                f"{self._where} returned {clean(ascii(sorted(outputs)))}, "
                "without `distance`"
            )
        count = len(references)
        distances = self._read(outputs["distance"], tf.float32, count)
        errors = [""] * count
        if "error" in outputs:
            errors = [
                text.decode(errors="replace")
                for text in self._read(outputs["error"], tf.string, count)
            ]
        return read_results(distances, errors, count, self._where)

    def _read(self, tensor, dtype, count):
        # Before it is converted: a tensor of a few bytes may claim any shape.
        shape = [dim.size for dim in tensor.tensor_shape.dim]
        try:
            if (tensor.dtype, shape) == (dtype.as_datatype_enum, [count]):
                return tf.make_ndarray(tensor).tolist()
        except (ValueError, TypeError):
            pass
        raise ServerError(
            f"{self._where} returned a tensor of type {tensor.dtype} and shape "
            f"{shape[:9]}, where {dtype.name} of {count} values was expected"
        )

    def _as_server_error(self, error):
        code = error.code()
        if code == grpc.StatusCode.DEADLINE_EXCEEDED:
            return ServerError(
                f"{self._where} did not respond within {self._timeout:g} s"
            )
        details = clean(error.details() or "")
        message = f"{self._where} returned {code.name}: {details}"
        if code == grpc.StatusCode.RESOURCE_EXHAUSTED:
            too_large = TOO_LARGE in details
            return (
                TooLargeError(message)
                if too_large
                else UnavailableError(message)
            )
        if code in RETRIED:
            return UnavailableError(message)
        if code == grpc.StatusCode.INVALID_ARGUMENT:
            return RefusedError(message)
        return ServerError(message)
