"""Measures the throughput and latency of a server.

    python -m benchmarks.serving_load --output load.json
    python -m benchmarks.serving_load --port 8500 --pid PID --output load.json

Sends pairs of PNGs over gRPC, one pair a request, with 1, 4 and 16 in flight,
then many small ones, to measure the server's memory. Before that, it measures
the bare model on the same cores. Without `--port` it exports alex and starts
the tests' small Python server with it.

On two AVX-512 cores that server answers up to 351 pairs of 64 pixels a second
(p99 19 ms, 4 in flight), where the bare layer compares 394 one at a time; and
75 of 256 pixels, the bare layer 86. `docs/speed.md` has the table.
"""

import argparse
import contextlib
import io
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image

from keras_lpips import LPIPS
from keras_lpips.atomic_files import write_json
from keras_lpips.inference.scorer import get_scorer
from saved_models.store.exporter import export
from saved_models.transport.grpc_api import GrpcTransport
from saved_models.transport.responses import Endpoint

SIDES = (64, 256)
IN_FLIGHT = (1, 4, 16)
BARE_BATCHES = (1, 16)
SECONDS = 8
# Numbers of requests after which memory is measured.
REQUESTS = (1_000, 10_000)
SERVER = """
import sys
import tensorflow as tf
from tests.support.loopback_servers import Behaviour, grpc_server

with grpc_server(tf.saved_model.load(sys.argv[1]), Behaviour()) as port:
    print(port, flush=True)
    sys.stdin.read()
"""


def main(argv=None) -> None:
    """Measures, prints and writes the results."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, help="of a server that runs")
    parser.add_argument("--model", default="lpips_alex")
    parser.add_argument("--pid", type=int, help="of the server, on this host")
    parser.add_argument("--output", type=Path, required=True)
    arguments = parser.parse_args(argv)
    bare = [
        measure_bare(side, batch) for side in SIDES for batch in BARE_BATCHES
    ]
    print(json.dumps(bare), flush=True)
    with contextlib.ExitStack() as stack:
        port, pid = arguments.port, arguments.pid
        if port is None:
            port, pid = stack.enter_context(own_server())
        transport = GrpcTransport(
            Endpoint(arguments.host, port, arguments.model, None, None, 60)
        )
        rows, memory = measure_server(transport, pid)
    write_json(
        arguments.output,
        {
            "model": arguments.model,
            "server": "the tests'" if arguments.port is None else "given",
            "cores": os.cpu_count(),
            "load_average": os.getloadavg(),
            "machine": platform.machine(),
            "bare": bare,
            "rates": rows,
            "memory": memory,
        },
    )


def measure_bare(side, batch) -> dict:
    """Returns how many pairs alex compares in a second, without a server."""
    generator = np.random.default_rng(0)
    shape = (batch, side, side, 3)
    pair = [generator.integers(0, 256, shape, np.uint8) for _ in range(2)]
    score = get_scorer("alex")
    score.distance(*pair)
    start = time.perf_counter()
    calls = 0
    while time.perf_counter() - start < SECONDS / 2:
        score.distance(*pair)
        calls += 1
    rate = calls * batch / (time.perf_counter() - start)
    return {"side": side, "batch": batch, "pairs_per_second": round(rate, 1)}


@contextlib.contextmanager
def own_server():
    """Exports alex and serves it; yields the port and the process id."""
    with tempfile.TemporaryDirectory() as folder:
        version = export(LPIPS("alex", dtype="float32"), folder)
        process = subprocess.Popen(
            [sys.executable, "-c", SERVER, version],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        with process:
            yield int(process.stdout.readline()), process.pid
            # The server exits at the end of its input.
            process.stdin.close()


def measure_server(transport, pid) -> tuple[list[dict], list[dict]]:
    """Returns rates by size and requests in flight, and the memory."""
    rows, memory = [], []
    for side in SIDES:
        pair = [[noise_png(side, seed)] for seed in (0, 1)]
        for in_flight in IN_FLIGHT:
            rows.append({"side": side} | measure(transport, pair, in_flight))
            print(json.dumps(rows[-1]), flush=True)
    if pid:
        pair = [[noise_png(SIDES[0], seed)] for seed in (0, 1)]
        memory = measure_memory(transport, pair, pid)
        print(json.dumps(memory))
    return rows, memory


def noise_png(side, seed) -> bytes:
    """Returns a PNG of noise, which does not compress."""
    generator = np.random.default_rng(seed)
    pixels = generator.integers(0, 256, (side, side, 3), np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def measure(transport, pair, in_flight) -> dict:
    """Returns the rate and the percentiles of the time of a request."""
    transport.predict(*pair)
    start = time.perf_counter()

    def send(_):
        times = []
        while time.perf_counter() - start < SECONDS:
            sent = time.perf_counter()
            transport.predict(*pair)
            times.append(time.perf_counter() - sent)
        return times

    with ThreadPoolExecutor(in_flight) as pool:
        times = np.concatenate(list(pool.map(send, range(in_flight))))
    taken = time.perf_counter() - start
    return {
        "in_flight": in_flight,
        "requests_per_second": round(len(times) / taken, 1),
        "p50_ms": round(float(np.percentile(times, 50)) * 1e3, 1),
        "p99_ms": round(float(np.percentile(times, 99)) * 1e3, 1),
    }


def measure_memory(transport, pair, pid) -> list[dict]:
    """Returns the server's resident memory by number of requests."""
    found = []
    sent = 0
    with ThreadPoolExecutor(max(IN_FLIGHT)) as pool:
        for requests in REQUESTS:
            list(
                pool.map(
                    lambda _: transport.predict(*pair), range(requests - sent)
                )
            )
            sent = requests
            found.append({"requests": sent, "resident_mb": resident(pid)})
    return found


def resident(pid) -> float:
    """Returns the resident memory of a process of this host, in MB."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1000
    raise ValueError(f"There is no memory of process {pid}")


if __name__ == "__main__":
    main()
