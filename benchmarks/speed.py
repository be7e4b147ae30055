"""Measures this package against `lpips` under torch.

    python -m benchmarks.speed --output benchmarks/results

runs in the environment of `make parity` (`make benchmark` does both) and
writes `speed.json` and `speed.md` after each part. Fifteen minutes on two quiet
cores.
"""

import argparse
import sys
from pathlib import Path

from benchmarks import all_pairs, memory
from benchmarks.flops import convolution_operations
from benchmarks.implementations import in_process
from benchmarks.interleaving import alternate
from benchmarks.machine import (
    describe_machine,
    describe_threads,
    matrix_product_speed,
)
from benchmarks.report import to_markdown, write_results
from keras_lpips.weights.npz import WeightsError
from keras_lpips.weights.presets import fetch_backbone

NETS = ("alex", "vgg", "squeeze")
PARTS = ("forward", "gradient", "memory", "all_pairs")
# Batch, height, width.
FORWARD_SHAPES = ((50, 64, 64), (4, 256, 256), (1, 512, 512), (1, 1080, 1920))
GRADIENT_SHAPES = ((50, 64, 64), (4, 256, 256))
MEMORY_SHAPES = ((1, 1080, 1920),)
FOLDER_IMAGES, FOLDER_SIZE, SAMPLED_PAIRS = 100, 256, 15
# Above this many pixels torch.compile, which compiles each shape for up to a
# minute, takes no part.
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
    results = {
        "machine": describe_machine() | describe_threads(),
        "matrix_product": matrix_product_speed(),
        "seconds": arguments.seconds,
        **{part: [] for part in arguments.parts},
    }
    for net in arguments.nets:
        try:
            fetch_backbone(net)
        except WeightsError as error:
            print(f"{net} is left out: {error}", file=sys.stderr)
            continue
        for part in arguments.parts:
            for row in _MEASURE[part](net, arguments.seconds):
                results[part].append(row)
                write_results(arguments.output, "speed", results, to_markdown)
    print(to_markdown(results))


def _forward(net, seconds):
    for shape in FORWARD_SHAPES:
        ways = in_process.forward(net, shape, _may_compile(shape))
        yield {
            "net": net,
            "shape": shape,
            "operations": convolution_operations(net, shape),
            "contestants": alternate(ways, seconds),
        }


def _gradient(net, seconds):
    for shape in GRADIENT_SHAPES:
        ways = in_process.gradient(net, shape, _may_compile(shape))
        taken = alternate(ways, seconds)
        yield {"net": net, "shape": shape, "contestants": taken}


def _memory(net, seconds):
    del seconds
    for shape in MEMORY_SHAPES:
        sizes = {way: memory.measure(way, net, shape) for way in memory.WAYS}
        yield {"net": net, "shape": shape, "bytes": sizes}


def _all_pairs(net, seconds):
    del seconds
    yield all_pairs.measure(net, FOLDER_IMAGES, FOLDER_SIZE, SAMPLED_PAIRS)


_MEASURE = {
    "forward": _forward,
    "gradient": _gradient,
    "memory": _memory,
    "all_pairs": _all_pairs,
}


def _may_compile(shape):
    batch, height, width = shape
    return batch * height * width < COMPILE_PIXELS


if __name__ == "__main__":
    main()
