"""Free ports, and waiting for a server that a test starts."""

import contextlib
import socket
import time


def free_port():
    """Returns a port of 127.0.0.1 that nothing listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def wait_for_port(port, process, log, seconds):
    """Waits until a server accepts connections.

    Raises:
        RuntimeError: if the process ended or time ran out, with the end of its
            log.
    """
    end = time.monotonic() + seconds
    while time.monotonic() < end and process.poll() is None:
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        time.sleep(0.1)
    text = log.read_text(errors="replace")[-4000:]
    raise RuntimeError(f"no server on port {port}:\n{text}")
