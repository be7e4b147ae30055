"""Measures this package on JAX against `lpips` under torch, on a GPU.

    pip install 'keras>=3.8' 'jax[cuda13]' torch scipy tqdm
    pip install pillow tifffile tyro
    pip install --no-deps --editable . lpips==0.1.4
    python -m benchmarks.accelerator --output benchmarks/results

writes `accelerator.json` and `accelerator.md` after each case. TensorFlow is
neither needed nor loaded. Each case is a net, a size and a precision: float32
in full, float32 with TF32 products, or bfloat16 (the layer's dtype is
"mixed_bfloat16"; torch's is autocast). `--device cpu` measures the CPU, which
only shows that the program works. It has not been run on a GPU yet.
"""

import argparse
import contextlib
import itertools
import sys
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from typing import get_args

from tqdm import tqdm

from benchmarks.implementations.names import (
    CHANNELS_LAST,
    CPU,
    EAGER,
    GPU,
    OURS,
    PRECISIONS,
    TORCH,
    start,
)
from benchmarks.implementations.process import RemoteError
from benchmarks.inputs.random_images import SEED
from benchmarks.measurement.accelerator_report import to_markdown
from benchmarks.measurement.interleaving import interleave
from benchmarks.measurement.machine import describe_driver, describe_machine
from benchmarks.measurement.report import write_results
from keras_lpips_cli.options import Net

NETS = get_args(Net)
SIZES = (64, 256, 512, 1024)
PACKAGES = ("keras-lpips", "keras", "jax", "jaxlib", "lpips", "torch", "numpy")


def main(argv=None) -> int:
    """Measures what the arguments name; see the module.

    Returns:
        0; 1 if a case, or an implementation in one, was skipped; 2 if
        nothing could be measured.
    """
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--nets", nargs="+", choices=NETS, default=NETS)
    parser.add_argument(
        "--sizes", nargs="+", type=int, default=SIZES, metavar="PIXELS"
    )
    parser.add_argument(
        "--precisions", nargs="+", choices=PRECISIONS, default=PRECISIONS
    )
    parser.add_argument(
        "--batch-pixels",
        type=int,
        default=1 << 20,
        help="of all images of a batch together",
    )
    parser.add_argument(
        "--seconds", type=float, default=4.0, help="for each case"
    )
    parser.add_argument(
        "--calls", type=int, default=8, help="of a turn, awaited together"
    )
    parser.add_argument("--matrix-size", type=int, default=8192)
    parser.add_argument("--without-compile", action="store_true")
    parser.add_argument("--device", choices=(GPU, CPU), default=GPU)
    arguments = parser.parse_args(argv)
    try:
        return measure(arguments)
    except (RemoteError, PackageNotFoundError) as error:
        print(f"benchmarks.accelerator: {error}", file=sys.stderr)
        return 2


def measure(settings) -> int:
    """Measures every case and returns the exit status; see `main`.

    Args:
        settings: parsed arguments of the program.

    Raises:
        RemoteError: if there is no such device, or a library is missing.
    """
    shapes = [
        (max(1, settings.batch_pixels // size**2), size, size)
        for size in settings.sizes
    ]
    cases = list(itertools.product(settings.nets, shapes))
    ours = start(OURS, settings.device, backend="jax")
    theirs = start(EAGER, settings.device)
    with ours, theirs:
        devices = {
            "jax": ours.call("describe"),
            "torch": theirs.call("describe"),
        }
        _check_devices(devices, settings.device)
        results = {
            "machine": {
                **describe_machine(PACKAGES),
                "driver": describe_driver(),
            },
            "devices": devices,
            "weights": {
                net: ours.call("describe_weights", net) for net in settings.nets
            },
            "seed": SEED,
            "seconds": settings.seconds,
            "calls": settings.calls,
            "matrix_size": settings.matrix_size,
            "matrix_product": {
                precision: _matrix_product(ours, theirs, settings, precision)
                for precision in settings.precisions
            },
            "rows": [],
        }
        operations = {case: ours.call("operations", *case) for case in cases}
    settings.output.mkdir(parents=True, exist_ok=True)
    failed = False
    for net, shape in tqdm(cases, desc="cases", unit="case"):
        try:
            expected = _reference_distances(settings.device, net, shape)
        except RemoteError as error:
            failed = True
            tqdm.write(f"{net}, {shape} is skipped: {error}", sys.stderr)
            continue
        for precision in settings.precisions:
            taken = _compare(settings, net, shape, precision, expected)
            row = {"net": net, "shape": shape, "precision": precision}
            row |= {
                "operations": operations[net, shape],
                "implementations": taken,
            }
            results["rows"].append(row)
            failed |= any("failed" in result for result in taken.values())
            write_results(settings.output, "accelerator", results, to_markdown)
    if results["rows"]:
        print(to_markdown(results))
    return int(failed)


def _check_devices(devices, wanted):
    blind = [k for k, seen in devices.items() if seen["platform"] != wanted]
    if blind:
        raise RemoteError(
            f"{' and '.join(blind)} see{'s' * (len(blind) == 1)} no GPU here; "
            "--device cpu measures the processor instead"
        )


def _matrix_product(ours, theirs, settings, precision):
    """Returns TFLOP/s by library."""
    implementations = {"jax": ours, "torch": theirs}
    for implementation in implementations.values():
        implementation.call("multiply", settings.matrix_size, precision)
    taken = interleave(
        implementations,
        settings.seconds,
        lambda x: x.call("turn", "product", settings.calls),
    )
    operations = 2 * settings.matrix_size**3
    return {
        name: operations / result["fastest_ms"] / 1e9
        for name, result in taken.items()
    }


def _reference_distances(device, net, shape):
    with start(EAGER, device) as theirs:
        return theirs.call("prepare", EAGER, net, shape)


def _compare(settings, net, shape, precision, expected):
    names = [EAGER, CHANNELS_LAST] if settings.without_compile else list(TORCH)
    distances = {}
    with contextlib.ExitStack() as stack:
        implementations = {
            name: stack.enter_context(
                start(name, settings.device, backend="jax")
            )
            for name in (OURS, *names)
        }

        def turn(name):
            implementation = implementations[name]
            if name not in distances:
                # Prepared one by one, because both libraries autotune kernels.
                case = name, net, shape, precision
                distances[name] = implementation.call("prepare", *case)
            return implementation.call("turn", name, settings.calls)

        taken = interleave(
            {name: name for name in implementations}, settings.seconds, turn
        )
        for name, result in taken.items():
            if "failed" not in result:
                result |= _deviation(distances[name], expected)
                result["peak_bytes"] = implementations[name].call("peak_bytes")
    return taken


def _deviation(distances, expected):
    pairs = list(zip(distances, expected, strict=True))
    return {
        "mean_distance": sum(distances) / len(distances),
        "largest_error": max(abs(a - b) for a, b in pairs),
        "largest_relative_error": max(abs(a - b) / b for a, b in pairs),
    }


if __name__ == "__main__":
    sys.exit(main())
