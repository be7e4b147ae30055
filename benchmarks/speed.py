"""Measures this package against `lpips` under torch.

    python -m benchmarks.speed --output benchmarks/results

runs in the environment of `make parity` (`make benchmark` does both) and
writes `speed.json` and `speed.md` after each part. Fifteen minutes on two quiet
cores.
"""

import argparse
import contextlib
import io
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import get_args

import numpy as np
from PIL import Image

from benchmarks.implementations.names import (
    CHANNELS_LAST,
    CONVOLUTIONS,
    EAGER,
    OURS,
    TORCH,
    start,
)
from benchmarks.implementations.process import RemoteError
from benchmarks.measurement.interleaving import interleave
from benchmarks.measurement.machine import describe_machine
from benchmarks.measurement.report import to_markdown, write_results
from keras_lpips_cli.options import Net

NETS = get_args(Net)
PARTS = ("forward", "gradient", "memory", "all_pairs")
# Batch, height, width.
FORWARD_SHAPES = ((50, 64, 64), (4, 256, 256), (1, 512, 512), (1, 1080, 1920))
GRADIENT_SHAPES = ((50, 64, 64), (4, 256, 256))
MEMORY_SHAPES = ((1, 1080, 1920),)
FOLDER_IMAGES, FOLDER_SIZE, SAMPLED_PAIRS = 100, 256, 15
MATRIX_SIZE = 3072
# torch.compile takes up to a minute for each shape; it is left out above this
# many pixels.
COMPILE_PIXELS = 1 << 20


def main(argv=None) -> None:
    """Measures what the arguments name; see the module."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--nets", nargs="+", choices=NETS, default=NETS)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument(
        "--seconds", type=float, default=4.0, help="for each timed case"
    )
    arguments = parser.parse_args(argv)
    arguments.output.mkdir(parents=True, exist_ok=True)
    with start(OURS) as ours, start(EAGER) as theirs:
        results = {
            "machine": describe_machine()
            | {"torch_threads": theirs.call("threads")},
            "matrix_product": _matrix_product(ours, theirs),
            "seconds": arguments.seconds,
            **{part: [] for part in arguments.parts},
        }
        for net in arguments.nets:
            try:
                ours.call("describe_weights", net)
            except RemoteError as error:
                print(f"{net} is skipped: {error}", file=sys.stderr)
                continue
            for part in arguments.parts:
                for row in _MEASURE[part](net, ours, theirs, arguments.seconds):
                    results[part].append(row)
                    write_results(
                        arguments.output, "speed", results, to_markdown
                    )
    print(to_markdown(results))


def _matrix_product(ours, theirs):
    """Returns float32 GFLOP/s by library, on all threads."""
    implementations = {"tensorflow": ours, "torch": theirs}
    for implementation in implementations.values():
        implementation.call("multiply", MATRIX_SIZE)
    taken = interleave(
        implementations, 3.0, lambda x: x.call("turn", "product")
    )
    return {
        name: 2 * MATRIX_SIZE**3 / result["fastest_ms"] / 1e6
        for name, result in taken.items()
    }


def _forward(net, ours, theirs, seconds):
    for shape in FORWARD_SHAPES:
        yield {
            "net": net,
            "shape": shape,
            "operations": ours.call("operations", net, shape),
            "implementations": _time(
                (OURS, *_torch_at(shape), CONVOLUTIONS),
                (ours, theirs),
                seconds,
                (net, shape),
            ),
        }


def _gradient(net, ours, theirs, seconds):
    for shape in GRADIENT_SHAPES:
        names = (OURS, *_torch_at(shape))
        taken = _time(
            names, (ours, theirs), seconds, (net, shape), gradient=True
        )
        yield {"net": net, "shape": shape, "implementations": taken}


def _time(names, processes, seconds, case, **options):
    ready = set()

    def take(name):
        process = processes[name in TORCH]
        if name not in ready:
            process.call("prepare", name, *case, **options)
            ready.add(name)
        return process.call("turn", name)

    return interleave({name: name for name in names}, seconds, take)


def _memory(net, ours, theirs, seconds):
    del ours, theirs, seconds
    for shape in MEMORY_SHAPES:
        sizes = {}
        for name in (OURS, EAGER, CHANNELS_LAST):
            # A new process, so that the peak is of this call alone.
            with start(name) as fresh:
                sizes[name] = fresh.call("peak_growth", name, net, shape)
        yield {"net": net, "shape": shape, "bytes": sizes}


def _all_pairs(net, ours, theirs, seconds):
    """Times all pairs of a folder, with our command and the reference's script.

    The script of the reference (`lpips_1dir_allpairs.py`) runs both images of
    every pair through the backbone. It is timed on a sample of pairs, without
    reading files, and the median is multiplied; our command is timed whole,
    from PNG files to the written table.
    """
    del ours, seconds
    images, size = FOLDER_IMAGES, FOLDER_SIZE
    theirs.call("prepare", EAGER, net, (1, size, size))
    pair = statistics.median(
        theirs.call("turn", EAGER) for _ in range(SAMPLED_PAIRS)
    )
    yield {
        "net": net,
        "images": images,
        "size": size,
        "sampled_pairs": SAMPLED_PAIRS,
        "ours_s": _time_matrix(net, images, size),
        "torch_s": pair * images * (images - 1) / 2,
    }


def _time_matrix(net, images, size):
    from keras_lpips_cli.main import main as keras_lpips

    random = np.random.default_rng(seed=0)
    pixels = random.integers(0, 256, (images, size, size, 3), np.uint8)
    with tempfile.TemporaryDirectory() as folder:
        for i, image in enumerate(pixels):
            Image.fromarray(image).save(Path(folder) / f"{i:04d}.png")
        table = Path(folder) / "matrix.csv"
        arguments = ["matrix", folder, "--output", str(table), "--net", net]
        begin = time.perf_counter()
        with (
            contextlib.redirect_stdout(io.StringIO()),
            contextlib.redirect_stderr(io.StringIO()),
        ):
            status = keras_lpips(arguments)
        seconds = time.perf_counter() - begin
    if status:
        raise RuntimeError(f"keras-lpips matrix ended with {status}")
    return seconds


_MEASURE = {
    "forward": _forward,
    "gradient": _gradient,
    "memory": _memory,
    "all_pairs": _all_pairs,
}


def _torch_at(shape):
    batch, height, width = shape
    compiles = batch * height * width < COMPILE_PIXELS
    return TORCH if compiles else (EAGER, CHANNELS_LAST)


if __name__ == "__main__":
    main()
