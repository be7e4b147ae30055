"""TensorFlow Serving's REST API, with the standard library alone."""

import base64
import http.client
import json
from collections.abc import Sequence

from saved_models.transport.errors import ServerError, UnavailableError

# Too many requests, bad gateway, unavailable. Not a gateway timeout (504): a
# retry would take as long.
RETRYABLE = (429, 502, 503)
REJECTED = (400, 413, 422)


class RestTransport:
    """Sends `encoded` requests over HTTP.

    Args:
        host: name or address of the server.
        port: its REST port.
        model: name of the model.
        version: version of the model, or `None`.
        label: label of the version, or `None`.
        timeout: longest wait for a response, in seconds.
    """

    def __init__(
        self,
        host: str,
        port: int,
        model: str,
        version: int | None,
        label: str | None,
        timeout: float,
    ):
        self._address = (host, port)
        self._timeout = timeout
        self._path = f"/v1/models/{model}"
        if version is not None:
            self._path += f"/versions/{version}"
        if label is not None:
            self._path += f"/labels/{label}"
        self._path += ":predict"

    def predict(
        self, references: Sequence[bytes], distorted: Sequence[bytes]
    ) -> list[float]:
        """Returns the distances of pairs of PNG or JPEG files.

        Args:
            references: the files of the references.
            distorted: the same number of distorted files.

        Raises:
            UnavailableError: if the request may be sent again.
            ServerError: if it may not.
        """
        instances = [
            {"reference": _encode(a), "distorted": _encode(b)}
            for a, b in zip(references, distorted, strict=True)
        ]
        request = {"signature_name": "encoded", "instances": instances}
        status, body = self._post(json.dumps(request))
        if status != 200:
            self._raise(status, body)
        try:
            distances = [float(x) for x in json.loads(body)["predictions"]]
        except (ValueError, KeyError, TypeError):
            raise ServerError(
                f"{self._where} returned an unexpected response body: "
                f"{body[:200]!r}"
            ) from None
        if len(distances) != len(references):
            raise ServerError(
                f"{self._where} returned {len(distances)} distances for "
                f"{len(references)} pairs"
            )
        return distances

    @property
    def _where(self):
        host, port = self._address
        return f"http://{host}:{port}{self._path}"

    def _post(self, body):
        connection = http.client.HTTPConnection(
            *self._address, timeout=self._timeout
        )
        try:
            connection.request(
                "POST", self._path, body, {"Content-Type": "application/json"}
            )
            response = connection.getresponse()
            return response.status, response.read()
        except TimeoutError:
            raise ServerError(
                f"{self._where} did not respond within {self._timeout:g} s"
            ) from None
        except (OSError, http.client.HTTPException) as error:
            reason = str(error) or type(error).__name__
            raise UnavailableError(f"{self._where}: {reason}") from None
        finally:
            connection.close()

    def _raise(self, status, body):
        try:
            reason = json.loads(body)["error"]
        except (ValueError, KeyError, TypeError):
            reason = body[:200].decode(errors="replace")
        message = f"{self._where} returned {status}: {reason}"
        if status in RETRYABLE:
            raise UnavailableError(message)
        raise ServerError(message, rejected=status in REJECTED)


def _encode(data):
    return {"b64": base64.b64encode(data).decode()}
