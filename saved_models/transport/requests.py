"""Sends any number of pairs to a server, in batches, with retries."""

import itertools
import random
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Protocol, TypeVar

from saved_models.transport.errors import (
    PairError,
    RefusedError,
    ServerError,
    TooLargeError,
    UnavailableError,
)
from saved_models.transport.responses import Endpoint
from saved_models.transport.rest import RestTransport

REST_PORT, GRPC_PORT = 8501, 8500
# One client's requests leave a server of one core half of its threads: without
# --grpc_max_threads, TensorFlow Serving has four for each core, of which it
# keeps up to two to itself, and rejects what comes beyond.
# `saved_models.serving_config` sets more, for several clients.
IN_FLIGHT = 2
# A server with batching rejects a request of more pairs than its
# max_batch_size, to which `saved_models.serving_config` gives this value.
BATCH_SIZE = 16
# Most bytes of the files in a request, unless a single pair has more.
BATCH_BYTES = 32 << 20
# Requests of which the files or the results are held, for each in flight.
HELD = 2
# Seconds of a request, as in --rest_api_timeout_in_ms of the server.
TIMEOUT = 30.0
# With these waits, a request is sent again for 3 to 6 s.
RETRIES = 6
# Seconds before the first retry; each further wait is twice as long.
FIRST_WAIT = 0.1
LONGEST_WAIT = 10.0

Answer = TypeVar("Answer")
# Two encoded images, PNG or JPEG.
Pair = tuple[bytes, bytes]


class Transport(Protocol):
    """Sends one request."""

    def predict(
        self, references: Sequence[bytes], distorted: Sequence[bytes]
    ) -> list[float | PairError]:
        """Returns the distances of pairs; see `RestTransport.predict`."""

    def find_version(self) -> int | None:
        """Returns the version; see `RestTransport.find_version`."""


class Client:
    """Requests distances from a server of exported models.

    A client may be used by several threads. It works with TensorFlow Serving
    and with servers that speak its REST or gRPC API.

    Args:
        host: name or address of the server.
        port: its port. Defaults to 8501, or 8500 for gRPC.
        model: name of the model on the server.
        grpc: whether to use gRPC instead of REST. Needs TensorFlow and
            `tensorflow-serving-api`; REST needs neither.
        model_version: version of the model. Defaults to `None`, the server's
            choice.
        label: label of the version, for example "stable", instead of its
            number.
        timeout: longest time of a request until its response is complete, in
            seconds.
        retries: how many times a request is sent again that the server did
            not accept. Defaults to 6, for 3 to 6 s.
        batch_size: most pairs in a request.
        in_flight: most requests at a time.
    """

    def __init__(
        self,
        host: str = "localhost",
        port: int | None = None,
        model: str = "lpips_alex",
        *,
        grpc: bool = False,
        model_version: int | None = None,
        label: str | None = None,
        timeout: float = TIMEOUT,
        retries: int = RETRIES,
        batch_size: int = BATCH_SIZE,
        in_flight: int = IN_FLIGHT,
    ):
        for name, value, least in (
            ("retries", retries, 0),
            ("batch_size", batch_size, 1),
            ("in_flight", in_flight, 1),
        ):
            if value < least:
                raise ValueError(
                    f"`{name}` must be at least {least}. Received: {value}"
                )
        if model_version is not None and label is not None:
            raise ValueError(
                "`model_version` or `label` can be given, not both. Received: "
                f"{model_version}, {label}"
            )
        port = port or (GRPC_PORT if grpc else REST_PORT)
        endpoint = Endpoint(host, port, model, model_version, label, timeout)
        self._transport: Transport
        if grpc:
            from saved_models.transport.grpc_api import GrpcTransport

            self._transport = GrpcTransport(endpoint)
        else:
            self._transport = RestTransport(endpoint)
        self._retries = retries
        self._batch_size = batch_size
        self._in_flight = in_flight

    def find_version(self) -> int | None:
        """Returns the version of the model that the server answers with.

        That is the one that `label` names, or the highest one that is loaded.
        `None` if the server has the model, and no versions.

        Raises:
            ServerError: if the model is not available, or the server returned
                something else.
        """
        return self._send(self._transport.find_version, threading.Event())

    def distances(self, pairs: Iterable[Pair]) -> Iterator[float | PairError]:
        """Yields for each pair its distance, or the error that it caused.

        Results come in the order of the pairs, while further pairs are taken:
        at most `2 * in_flight` batches are held, of `batch_size` pairs or
        32 MiB. To stop early, close the iterator or leave it to the garbage
        collector.

        A pair's error is what the server says of this pair, or that the
        request with this pair alone has too many bytes. A request that the
        server rejects as a whole, for example because it merges no more
        pairs, is sent again in two halves.

        Args:
            pairs: pairs of PNG or JPEG files, as bytes. Without any, nothing
                is sent.

        Raises:
            ServerError: if a request fails for another reason than its images.
        """
        ended = threading.Event()
        tasks: deque[Future] = deque()
        with ThreadPoolExecutor(self._in_flight) as pool:
            try:
                for batch in self._batches(pairs):
                    tasks.append(pool.submit(self._request, batch, ended))
                    del batch
                    while tasks and (
                        len(tasks) >= HELD * self._in_flight or tasks[0].done()
                    ):
                        yield from tasks.popleft().result()
                while tasks:
                    yield from tasks.popleft().result()
            finally:
                ended.set()
                for task in tasks:
                    task.cancel()

    def _batches(self, pairs):
        batch: list[Pair] = []
        size = 0
        for pair in pairs:
            more = sum(map(len, pair))
            if batch and size + more > BATCH_BYTES:
                yield batch
                batch, size = [], 0
            batch.append(pair)
            size += more
            if len(batch) == self._batch_size:
                yield batch
                batch, size = [], 0
        if batch:
            yield batch

    def _request(self, batch, ended):
        try:
            return self._send(
                lambda: self._transport.predict(*zip(*batch, strict=True)),
                ended,
                splits=len(batch) > 1,
            )
        except (RefusedError, TooLargeError) as error:
            if len(batch) == 1:
                if isinstance(error, TooLargeError):
                    return [PairError(str(error))]
                raise
        half = len(batch) // 2
        return self._request(batch[:half], ended) + self._request(
            batch[half:], ended
        )

    def _send(
        self,
        send: Callable[[], Answer],
        ended: threading.Event,
        splits: bool = False,
    ) -> Answer:
        wait = FIRST_WAIT
        for tries in itertools.count(1):
            try:
                return send()
            except UnavailableError as error:
                # Rejected with others, it is sent again without some of them.
                if isinstance(error, RefusedError) and splits:
                    raise
                if tries > self._retries:
                    raise ServerError(
                        f"{error} (after {tries} tries)"
                    ) from None
            # Random, so that clients which were rejected together do not
            # return together.
            if ended.wait(random.uniform(wait / 2, wait)):
                break
            wait = min(2 * wait, LONGEST_WAIT)
        raise ServerError("the results are no longer asked for")
