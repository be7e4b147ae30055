"""Sends any number of pairs to a server, in batches, with retries."""

import itertools
import random
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

from saved_models.transport.errors import (
    PairError,
    RefusedError,
    ServerError,
    TooLargeError,
    UnavailableError,
)
from saved_models.transport.rest import RestTransport

REST_PORT, GRPC_PORT = 8501, 8500
# One client's requests leave a server of one core half of its threads: without
# --grpc_max_threads, TensorFlow Serving has four for each core, of which it
# keeps up to two to itself, and refuses what comes beyond.
# `saved_models.serving_config` sets more, for several clients.
IN_FLIGHT = 2
# A server with batching refuses a request of more pairs than its
# max_batch_size, to which `saved_models.serving_config` gives this value.
BATCH_SIZE = 16
# Seconds of a request, as in --rest_api_timeout_in_ms of the server.
TIMEOUT = 30.0
# With these waits, a request is sent again for 3 to 6 s.
RETRIES = 6
# Seconds before the first retry; each further wait is twice as long.
FIRST_WAIT = 0.1
LONGEST_WAIT = 10.0

# Two encoded images, PNG or JPEG.
Pair = tuple[bytes, bytes]


class Transport(Protocol):
    """Sends one request."""

    def predict(
        self, references: Sequence[bytes], distorted: Sequence[bytes]
    ) -> list[float | PairError]:
        """Returns the distances of pairs; see `RestTransport.predict`."""


def connect(
    host: str = "localhost",
    port: int | None = None,
    model: str = "lpips_alex",
    *,
    grpc: bool = False,
    model_version: int | None = None,
    label: str | None = None,
    timeout: float = TIMEOUT,
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
        timeout: longest time of a request until its response is complete, in
            seconds.
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
        retries: how many times a request is sent again that the server did
            not accept. Defaults to 6.
        batch_size: most pairs in a request. Defaults to 16.
        in_flight: most requests at a time. Defaults to 2.
    """

    def __init__(
        self,
        transport: Transport,
        retries: int = RETRIES,
        batch_size: int = BATCH_SIZE,
        in_flight: int = IN_FLIGHT,
    ):
        if retries < 0:
            raise ValueError(
                f"`retries` must be at least 0. Received: {retries}"
            )
        self._transport = transport
        self._retries = retries
        self._batch_size = batch_size
        self._in_flight = in_flight

    def distances(self, pairs: Sequence[Pair]) -> list[float | PairError]:
        """Returns for each pair its distance, or the error that it caused.

        A pair's error is what the server says of this pair, or that the
        request with this pair alone has too many bytes. A request that the
        server refuses as a whole, for example because it merges no more
        pairs, is sent again in two halves.

        Args:
            pairs: pairs of PNG or JPEG files, as bytes. Without any, nothing
                is sent.

        Raises:
            ServerError: if a request fails for another reason than its images.
        """
        batches = [
            pairs[i : i + self._batch_size]
            for i in range(0, len(pairs), self._batch_size)
        ]
        results: list[float | PairError] = []
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
        except (RefusedError, TooLargeError) as error:
            if len(batch) == 1:
                if isinstance(error, TooLargeError):
                    return [PairError(str(error))]
                raise
        half = len(batch) // 2
        return self._request(batch[:half]) + self._request(batch[half:])

    def _send(self, batch):
        wait = FIRST_WAIT
        for tries in itertools.count(1):
            try:
                return self._transport.predict(*zip(*batch, strict=True))
            except UnavailableError as error:
                # Rejected with others, it is sent again without some of them.
                if isinstance(error, RefusedError) and len(batch) > 1:
                    raise
                if tries > self._retries:
                    raise ServerError(
                        f"{error} (after {tries} tries)"
                    ) from None
            # Random, so that clients which were rejected together do not
            # return together.
            time.sleep(random.uniform(wait / 2, wait))
            wait = min(2 * wait, LONGEST_WAIT)
