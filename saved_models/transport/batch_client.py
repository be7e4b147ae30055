"""Sends any number of pairs to a server, in batches, with retries."""

import random
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

from saved_models.transport.errors import ServerError, UnavailableError
from saved_models.transport.rest import RestTransport

REST_PORT, GRPC_PORT = 8501, 8500
# Seconds before the first retry; each further wait is twice as long.
FIRST_WAIT = 0.1
LONGEST_WAIT = 10.0

# Two encoded images, PNG or JPEG.
Pair = tuple[bytes, bytes]


class Transport(Protocol):
    """Sends one request."""

    def predict(
        self, references: Sequence[bytes], distorted: Sequence[bytes]
    ) -> list[float]:
        """Returns the distances of pairs; see `RestTransport.predict`."""


def connect(
    host: str = "localhost",
    port: int | None = None,
    model: str = "lpips_alex",
    *,
    grpc: bool = False,
    model_version: int | None = None,
    label: str | None = None,
    timeout: float = 30.0,
) -> Transport:
    """Returns a transport to a server.

    Args:
        host: name or address of the server.
        port: its port. Defaults to 8501, or 8500 for gRPC.
        model: name of the model on the server.
        grpc: whether to use gRPC instead of REST. Needs TensorFlow.
        model_version: version of the model. Defaults to `None`, the server's
            choice.
        label: label of the version, instead of its number.
        timeout: longest wait for a response, in seconds.
    """
    if not grpc:
        address = host, port or REST_PORT
        return RestTransport(*address, model, model_version, label, timeout)
    from saved_models.transport.grpc_api import GrpcTransport

    address = host, port or GRPC_PORT
    return GrpcTransport(*address, model, model_version, label, timeout)


class BatchClient:
    """Requests the distances of any number of pairs.

    Args:
        transport: sends one request; see `connect`.
        retries: retries of a request that the server did not accept. Defaults
            to 4.
        batch_size: most pairs in a request. Defaults to 16.
        in_flight: most concurrent requests. Defaults to 4.
    """

    def __init__(
        self,
        transport: Transport,
        retries: int = 4,
        batch_size: int = 16,
        in_flight: int = 4,
    ):
        if retries < 0:
            raise ValueError(
                f"`retries` must be at least 0. Received: {retries}"
            )
        self._transport = transport
        self._retries = retries
        self._batch_size = batch_size
        self._in_flight = in_flight

    def distances(self, pairs: Sequence[Pair]) -> list[float | ServerError]:
        """Returns for each pair its distance, or the error that it caused.

        If the server rejects a request of several pairs, they are sent one by
        one, so that a bad image does not fail other pairs.

        Args:
            pairs: pairs of PNG or JPEG files, as bytes.

        Raises:
            ServerError: if a request fails for another reason than its images.
        """
        batches = [
            pairs[i : i + self._batch_size]
            for i in range(0, len(pairs), self._batch_size)
        ]
        results: list[float | ServerError] = []
        with ThreadPoolExecutor(self._in_flight) as pool:
            tasks = [pool.submit(self._request, batch) for batch in batches]
            try:
                for task in tasks:
                    results += task.result()
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise
        return results

    def _request(self, batch):
        try:
            return self._send(batch)
        except ServerError as error:
            if not error.rejected:
                raise
            if len(batch) == 1:
                return [error]
        return [result for pair in batch for result in self._request([pair])]

    def _send(self, batch):
        wait = FIRST_WAIT
        for _ in range(self._retries):
            try:
                return self._transport.predict(*zip(*batch, strict=True))
            except UnavailableError:
                # Random, so that rejected clients do not retry simultaneously.
                time.sleep(random.uniform(wait / 2, wait))
                wait = min(2 * wait, LONGEST_WAIT)
        try:
            return self._transport.predict(*zip(*batch, strict=True))
        except UnavailableError as error:
            tries = f"after {self._retries + 1} tries"
            raise ServerError(f"{error} ({tries})") from None
