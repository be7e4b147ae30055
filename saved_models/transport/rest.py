"""TensorFlow Serving's REST API, with the standard library alone."""

import base64
import contextlib
import http.client
import json
import socket
import threading
import time
from collections.abc import Sequence

from saved_models.transport.errors import (
    PairError,
    RefusedError,
    ServerError,
    TooLargeError,
    UnavailableError,
)
from saved_models.transport.responses import (
    LONGEST_TEXT,
    Endpoint,
    choose_version,
    clean,
    read_results,
)

# Too many requests, a gateway without its server, overloaded or loading. Not a
# gateway's timeout (504): the same request would take as long again.
RETRIED = (429, 502, 503)
REFUSED = (400, 422)
TOO_LARGE = 413
# Most bytes of a response: so many, and so many for each pair.
RESPONSE_BYTES, RESPONSE_BYTES_PER_PAIR = 1 << 16, 1 << 12


class RestTransport:
    """Sends `encoded` requests over HTTP.

    Args:
        endpoint: the model, and the server's REST port.
    """

    def __init__(self, endpoint: Endpoint):
        self._address = (endpoint.host, endpoint.port)
        self._timeout = endpoint.timeout
        self._path = f"/v1/models/{endpoint.model}"
        if endpoint.version is not None:
            self._path += f"/versions/{endpoint.version}"
        if endpoint.label is not None:
            self._path += f"/labels/{endpoint.label}"

    def find_version(self) -> int | None:
        """Returns the version of the model that the server answers with.

        Returns:
            The highest that is loaded of those that the server lists, or
            `None` if it has the model, and no versions.

        Raises:
            UnavailableError: if the request may be sent again, for example
                because the model is being loaded.
            ServerError: if it may not.
        """
        versions = self._ask(
            "GET", self._path, None, RESPONSE_BYTES, _read_versions
        )
        if versions is None:
            return None
        return choose_version(versions, self._where)

    def predict(
        self, references: Sequence[bytes], distorted: Sequence[bytes]
    ) -> list[float | PairError]:
        """Returns the distances of pairs of PNG or JPEG files.

        Args:
            references: the files of the references, at least one. With its
                own batching, TensorFlow Serving never answers an empty batch.
            distorted: as many files.

        Returns:
            For each pair its distance, or the error that it caused.

        Raises:
            UnavailableError: if the request may be sent again.
            ServerError: if it may not.
        """
        if not references:
            raise ValueError("`references` must hold at least one file")
        instances = [
            {"reference": _encode(a), "distorted": _encode(b)}
            for a, b in zip(references, distorted, strict=True)
        ]
        request = {"signature_name": "encoded", "instances": instances}
        limit = RESPONSE_BYTES + RESPONSE_BYTES_PER_PAIR * len(references)
        rows = self._ask(
            "POST",
            f"{self._path}:predict",
            json.dumps(request),
            limit,
            _read_rows,
        )
        return read_results(
            [distance for distance, _ in rows],
            [error for _, error in rows],
            len(references),
            self._where,
        )

    @property
    def _where(self):
        host, port = self._address
        return f"http://{host}:{port}{self._path}"

    def _ask(self, method, path, body, limit, read):
        """Returns what a function reads in the JSON of the response."""
        status, body = self._exchange(method, path, body, limit)
        if status != 200:
            self._raise(status, body)
        try:
            return read(json.loads(body))
        # Deep JSON exhausts the stack.
        except (ValueError, KeyError, TypeError, RecursionError):
            raise ServerError(
                f"{self._where} returned an unexpected response body: "
                f"{clean(ascii(body[:200]))}"
            ) from None

    def _exchange(self, method, path, body, limit):
        connection = http.client.HTTPConnection(
            *self._address, timeout=self._timeout
        )
        late = threading.Event()

        def stop(opened):
            # The timeout of a socket is that of each read, and a server may
            # send a byte at a time. Its end makes a waiting read return.
            late.set()
            with contextlib.suppress(OSError):
                opened.shutdown(socket.SHUT_RDWR)

        timer = None
        started = time.monotonic()
        try:
            connection.connect()
            left = self._timeout - (time.monotonic() - started)
            timer = threading.Timer(max(left, 0), stop, [connection.sock])
            timer.daemon = True
            timer.start()
            connection.request(
                method, path, body, {"Content-Type": "application/json"}
            )
            with connection.getresponse() as response:
                status, body = response.status, response.read(limit + 1)
                # Reading up to a limit does not report that a body ends early.
                cut = len(body) <= limit and bool(response.length)
        except (OSError, http.client.HTTPException) as error:
            if late.is_set() or isinstance(error, TimeoutError):
                raise self._late() from None
            reason = clean(str(error)) or type(error).__name__
            raise UnavailableError(f"{self._where}: {reason}") from None
        finally:
            if timer:
                timer.cancel()
            connection.close()
        if late.is_set():
            raise self._late()
        if len(body) > limit:
            raise ServerError(
                f"{self._where} returned more than {limit} bytes, too many "
                "for the distances"
            )
        if cut:
            raise UnavailableError(f"{self._where}: the response ended early")
        return status, body

    def _late(self):
        return ServerError(
            f"{self._where} did not respond within {self._timeout:g} s"
        )

    def _raise(self, status, body):
        try:
            reason = str(json.loads(body)["error"])
        except (ValueError, KeyError, TypeError, RecursionError):
            reason = body[: 2 * LONGEST_TEXT].decode(errors="replace")
        message = f"{self._where} returned {status}: {clean(reason)}"
        if status == TOO_LARGE:
            raise TooLargeError(message)
        if status in REFUSED:
            raise RefusedError(message)
        if status in RETRIED:
            raise UnavailableError(message)
        raise ServerError(message)


def _encode(data):
    return {"b64": base64.b64encode(data).decode()}


def _read_rows(body):
    # Objects if the signature has several outputs, else numbers.
    return [
        (x["distance"], x["error"]) if isinstance(x, dict) else (x, "")
        for x in body["predictions"]
    ]


def _read_versions(body):
    # KServe names the model alone.
    if "model_version_status" not in body and body["name"]:
        return None
    return [
        (int(entry["version"]), str(entry["state"]))
        for entry in body["model_version_status"]
    ]
