"""The client against a server with every fault that was seen of a real one.

The server computes no distances: a pair's file holds its number, from which
the distance follows, and whether it is bad.
"""

import contextlib
import random
import threading
import time

import grpc
import numpy as np
import pytest
import tensorflow as tf

from saved_models.client import Client, PairError
from saved_models.transport import requests
from tests.support.loopback_servers import (
    EXHAUSTED,
    HALF_CLOSED,
    Behaviour,
    grpc_server,
    rest_server,
)
from tests.support.ports import free_port

PAIRS = 5000
BAD_EVERY = 33
CLIENTS = 2
SERVERS = {"rest": rest_server, "grpc": grpc_server}
FAULTS = {
    "rest": [503, 502, 429, 400, HALF_CLOSED],
    "grpc": [
        EXHAUSTED,
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.INVALID_ARGUMENT,
    ],
}
# Of requests that fail, that are slow, and of merged batches that fail.
FAILING, SLOW, FAILING_MERGED = 0.05, 0.01, 0.02


class StandIn:
    """A model with the signature `encoded`, by arithmetic."""

    def __init__(self, generator):
        self.signatures = {"encoded": self.encoded}
        self._generator = generator

    def encoded(self, reference, distorted):
        if self._generator.random() < FAILING_MERGED:
            raise tf.errors.InvalidArgumentError(None, None, "no merged batch")
        files = reference.numpy().tolist()
        assert files == distorted.numpy().tolist()
        bad = [is_bad(int(file)) for file in files]
        return {
            "distance": np.where(bad, np.nan, distances(files)).astype("f4"),
            "error": np.array(
                [
                    b"pair %b is bad" % file if wrong else b""
                    for file, wrong in zip(files, bad, strict=True)
                ],
                object,
            ),
        }


def is_bad(number):
    return number % BAD_EVERY == 7


def distances(files):
    return np.float32([int(file) for file in files]) / PAIRS


@pytest.mark.parametrize("protocol", SERVERS)
def test_every_pair_is_answered_once_and_none_wrongly_blamed(
    protocol, monkeypatch
):
    monkeypatch.setattr(requests, "FIRST_WAIT", 0.005)
    generator = random.Random(0)
    behaviour = Behaviour()
    behaviour.merged = 16
    # REST lets the requests wait.
    behaviour.threads = 4 if protocol == "grpc" else None

    def fail():
        if generator.random() < SLOW:
            time.sleep(0.05)
        if generator.random() < FAILING:
            return generator.choice(FAULTS[protocol])
        return None

    behaviour.failures = fail
    port, ended = free_port(), threading.Event()
    starts = []

    def serve():
        # It is restarted in between, as for a new version of the server.
        while not ended.is_set():
            with contextlib.suppress(OSError, RuntimeError):
                with SERVERS[protocol](StandIn(generator), behaviour, port):
                    starts.append(port)
                    ended.wait(0.5)
            time.sleep(0.05)

    found = [None] * CLIENTS

    def ask(client):
        files = [b"%d" % number for number in range(PAIRS)]
        pairs = zip(files, files, strict=True)
        asking = Client(
            "127.0.0.1",
            port,
            grpc=protocol == "grpc",
            retries=30,
            batch_size=8,
            in_flight=6,
        )
        found[client] = list(asking.distances(pairs))

    server = threading.Thread(target=serve)
    clients = [threading.Thread(target=ask, args=(i,)) for i in range(CLIENTS)]
    server.start()
    for thread in clients:
        thread.start()
    for thread in clients:
        thread.join()
    ended.set()
    server.join()
    assert len(starts) > 1
    for results in found:
        assert len(results) == PAIRS
        for number, result in enumerate(results):
            if is_bad(number):
                assert isinstance(result, PairError)
                assert str(result) == f"pair {number} is bad"
            else:
                assert result == np.float32(number) / np.float32(PAIRS)
