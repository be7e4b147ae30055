"""Our client against KServe's REST and Ray Serve's gRPC."""

import sys
import time
from pathlib import Path

import pytest

from saved_models.client import Client, ServerError
from tests.support.ports import free_port

HERE = Path(__file__).parent
# alex, version 0.1: the reference's example.
GOLDEN = [0.721880709, 0.137565609]
READY = 120


def ask(port, pairs, grpc):
    client = Client("127.0.0.1", port, grpc=grpc, batch_size=2)
    # Neither names versions.
    assert client.find_version() is None
    return list(client.distances(pairs))


def ask_when_ready(port, pairs, grpc):
    """A server listens before its model is loaded."""
    end = time.monotonic() + READY
    while True:
        try:
            return ask(port, pairs, grpc)
        except ServerError:
            if time.monotonic() > end:
                raise
            time.sleep(0.5)


@pytest.mark.parametrize(
    ("package", "grpc"), [("kserve", False), ("ray", True)]
)
def test_the_servers_give_the_references_distances(
    package, grpc, model, pairs, port, start, tmp_path
):
    pytest.importorskip(package)
    command = [sys.executable, HERE / f"{package}_server.py", model, port]
    command.append(free_port())
    with start(command, port, tmp_path / "log") as process:
        found = ask_when_ready(port, pairs, grpc)
        assert found == pytest.approx(GOLDEN, abs=2e-6, rel=1e-5)
        found = ask(port, pairs * 20, grpc)
        assert found == pytest.approx(GOLDEN * 20, abs=2e-6, rel=1e-5)
        bad = (pairs[0][0], b"no image")
        first, second, third = ask(port, [pairs[0], bad, pairs[1]], grpc)
        assert [first, third] == pytest.approx(GOLDEN, abs=2e-6, rel=1e-5)
        assert "must hold PNG or JPEG files" in str(second)
        assert process.poll() is None
