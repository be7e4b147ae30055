"""The results of `benchmarks.accelerator` as Markdown."""

from benchmarks.implementations.names import EAGER, OURS, TORCH
from benchmarks.measurement.report import (
    failures,
    format_row,
    median,
    shape_name,
)


def to_markdown(results: dict) -> str:
    """Returns tables of all that was measured."""
    machine, products = results["machine"], results["matrix_product"]
    devices = "; ".join(
        f"{library}: {device['name']}, {device['runtime']}"
        for library, device in results["devices"].items()
    )
    speeds = "; ".join(
        f"{precision} "
        + ", ".join(f"{name} {speed:.3g}" for name, speed in taken.items())
        for precision, taken in products.items()
    )
    versions = ", ".join(f"{k} {v}" for k, v in machine["versions"].items())
    lines = [
        "# This package on JAX against `lpips` under torch",
        "",
        f"{devices}. Driver: {machine['driver']}. {machine['processor']}, "
        f"{machine['cores']} cores; Python {machine['python']}; {versions}. "
        f"Matrix product of the same run, TFLOP/s: {speeds}.",
        "",
        "Both get the same weights and images, on the device, in processes of "
        f"their own that take turns of {results['calls']} calls; medians. "
        "Both images of a pair count. Ratios are of times: below 1 they are "
        "in this package's favor. `best` is the fastest of torch eager and "
        "compiled, contiguous and channels_last.",
        "",
        "## Images a second",
        "",
        *_speeds(results["rows"]),
        "",
        "## Of the matrix product, peak memory, and error",
        "",
        "The convolutions' operations in the whole time, of the faster matrix "
        "product in the same precision. The peak is of what the library took "
        "for itself in the whole process, with what it tried while compiling. "
        "The error is the largest deviation of a distance, relative to that "
        "of `lpips` in float32 on the same device.",
        "",
        *_costs(results["rows"], products),
        *failures(results["rows"]),
    ]
    return "\n".join(lines) + "\n"


def _speeds(rows):
    yield format_row(
        "net | images | precision | ours | torch | ratio | channels_last",
        "compile | compile, channels_last | ratio to best",
    )
    yield "|---" * 10 + "|"
    for row in rows:
        taken = row["implementations"]
        cells = [_cell(_rate(row, name), ".0f") for name in (OURS, EAGER)]
        cells.append(_cell(_ratio(taken, EAGER), ".2f", "**"))
        cells += [_cell(_rate(row, name), ".0f") for name in TORCH[1:]]
        cells.append(_cell(_ratio(taken, _best(taken)), ".2f"))
        yield format_row(*_case(row), *cells)


def _costs(rows, products):
    yield format_row(
        "net | images | precision | ours, of product | torch's best",
        "ours, MiB | torch | its best | ours, error | torch | its best",
    )
    yield "|---" * 11 + "|"
    for row in rows:
        taken, best = row["implementations"], _best(row["implementations"])
        peak = 1e12 * max(products[row["precision"]].values())
        cells = []
        for name in (OURS, best):
            milliseconds = median(taken, name)
            share = milliseconds and (
                row["operations"] / (milliseconds / 1e3) / peak
            )
            cells.append(_cell(share, ".0%"))
        for name in (OURS, EAGER, best):
            size = taken.get(name, {}).get("peak_bytes")
            cells.append(_cell(size and size / 2**20, ".0f"))
        for name in (OURS, EAGER, best):
            error = taken.get(name, {}).get("largest_relative_error")
            cells.append(_cell(error, ".1e"))
        yield format_row(*_case(row), *cells)


def _case(row):
    return row["net"], shape_name(row["shape"]), row["precision"]


def _best(taken):
    ran = [name for name in TORCH if median(taken, name) is not None]
    return min(ran, key=lambda name: median(taken, name), default=None)


def _rate(row, name):
    milliseconds = median(row["implementations"], name)
    return milliseconds and 2e3 * row["shape"][0] / milliseconds


def _ratio(taken, name):
    ours, theirs = median(taken, OURS), median(taken, name)
    return ours and theirs and ours / theirs


def _cell(value, form, around=""):
    return "" if value is None else f"{around}{value:{form}}{around}"
