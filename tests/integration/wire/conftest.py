"""Servers that others maintain, each in a process of its own on loopback."""

import contextlib
import os
import signal
import subprocess
from pathlib import Path

import pytest

from tests.support.ports import free_port, wait_for_port

STARTING = 180
# Ray writes no token into the home folder and tells nobody of its use.
RAY = {"RAY_AUTH_MODE": "disabled", "RAY_USAGE_STATS_ENABLED": "0"}
STOPPING = 30


@pytest.fixture(scope="session")
def model(tmp_path_factory, backbone):
    """The folder of an exported alex."""
    from keras_lpips import LPIPS
    from saved_models.store.exporter import export

    folder = tmp_path_factory.mktemp("models") / "lpips_alex"
    export(LPIPS(backbone("alex"), dtype="float32"), folder)
    return folder


@pytest.fixture(scope="session")
def pairs(shared_data):
    """The reference's example: two pairs of PNGs."""
    folder = shared_data / "examples"
    reference, p0, p1 = (
        (folder / f"ex_{name}.png").read_bytes() for name in ("ref", "p0", "p1")
    )
    return [(reference, p0), (reference, p1)]


@pytest.fixture(scope="session")
def start():
    """A context manager from a command and a port to a running server."""
    return running


@contextlib.contextmanager
def running(command, port, log, environment=None):
    """Starts a server and waits until it listens; stops it at the end."""
    with open(log, "wb") as output:
        process = subprocess.Popen(
            list(map(str, command)),
            stdout=output,
            stderr=subprocess.STDOUT,
            env=os.environ | RAY | (environment or {}),
        )
    try:
        wait_for_port(port, process, Path(log), STARTING)
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOPPING)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@pytest.fixture
def port():
    """A port that nobody listens on."""
    return free_port()
