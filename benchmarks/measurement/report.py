"""Formats results as Markdown."""

import json

from benchmarks.implementations.names import (
    CHANNELS_LAST,
    CONVOLUTIONS,
    EAGER,
    OURS,
    TORCH,
)


def to_markdown(results: dict) -> str:
    """Returns tables of all that was measured; see `benchmarks.speed`."""
    machine = results["machine"]
    versions = ", ".join(f"{k} {v}" for k, v in machine["versions"].items())
    speed = ", ".join(
        f"{k} {v:.0f} GFLOP/s" for k, v in results["matrix_product"].items()
    )
    lines = [
        "# This package against `lpips` under torch",
        "",
        f"{machine['processor']}, {machine['cores']} cores, load at the start "
        f"{machine['load']}; Python {machine['python']}; {versions}. Threads: "
        f"torch {machine['torch_threads']}. float32 matrix product of the same "
        f"run: {speed}.",
        "",
        "Both get the same weights and images, in processes of their own, and "
        "are timed in turn; medians, milliseconds. Ratios below 1 are in this "
        "package's favor. `best` is the fastest of torch eager and compiled, "
        "contiguous and channels_last.",
    ]
    for part, title in (
        ("forward", "Distances of two batches"),
        ("gradient", "Distances and the gradient to one batch"),
    ):
        if results.get(part):
            lines += ["", f"## {title}", "", *_timings(results[part])]
    if results.get("forward"):
        lines += [
            "",
            "## What the convolutions cost",
            "",
            *_convolutions(results),
        ]
    if results.get("memory"):
        lines += ["", "## Peak memory of one distance", ""]
        lines += _memory(results["memory"])
    if results.get("all_pairs"):
        lines += ["", "## All pairs of a folder", ""]
        lines += _all_pairs(results["all_pairs"])
    return "\n".join(lines) + "\n"


def _timings(rows):
    yield (
        "| net | images | ours | torch | ratio | channels_last | compile | "
        "compile, channels_last | ratio to best |"
    )
    yield "|---|---|---|---|---|---|---|---|---|"
    for row in rows:
        taken = row["implementations"]
        ours, eager = median(taken, OURS), median(taken, EAGER)
        best = min(
            value
            for name in TORCH
            if (value := median(taken, name)) is not None
        )
        cells = [row["net"], shape_name(row["shape"]), f"{ours:.1f}"]
        cells += [f"{eager:.1f}", f"**{ours / eager:.2f}**"]
        for name in TORCH[1:]:
            value = median(taken, name)
            cells.append("" if value is None else f"{value:.1f}")
        yield format_row(*cells, f"{ours / best:.2f}")
    yield from failures(rows)


def _convolutions(results):
    peak = max(results["matrix_product"].values())
    yield "| net | images | share of our time | GFLOP/s | of matrix product |"
    yield "|---|---|---|---|---|"
    for row in results["forward"]:
        alone = median(row["implementations"], CONVOLUTIONS)
        speed = row["operations"] / alone / 1e6
        yield format_row(
            row["net"],
            shape_name(row["shape"]),
            f"{alone / median(row['implementations'], OURS):.0%}",
            f"{speed:.0f}",
            f"{speed / peak:.0%}",
        )


def _memory(rows):
    yield "| net | images | ours, MiB | torch | ratio | torch, channels_last |"
    yield "|---|---|---|---|---|---|"
    for row in rows:
        ours, eager, last = (
            row["bytes"][name] / 2**20 for name in (OURS, EAGER, CHANNELS_LAST)
        )
        yield format_row(
            row["net"],
            shape_name(row["shape"]),
            f"{ours:.0f}",
            f"{eager:.0f}",
            f"**{ours / eager:.2f}**",
            f"{last:.0f}",
        )


def _all_pairs(rows):
    yield "| net | images | ours, s | torch, s | times faster |"
    yield "|---|---|---|---|---|"
    for row in rows:
        yield format_row(
            row["net"],
            f"{row['images']} of {row['size']}x{row['size']}",
            f"{row['ours_s']:.1f}",
            f"{row['torch_s']:.1f}",
            f"**{row['torch_s'] / row['ours_s']:.0f}**",
        )
    pairs = rows[0]["sampled_pairs"]
    yield ""
    yield (
        f"torch: the median of {pairs} pairs times the number of pairs, two "
        "backbone passes each, images in memory. Ours: the whole command, from "
        "PNG files to the written table."
    )


def write_results(folder, name: str, results: dict, to_markdown) -> None:
    """Writes `name`.json and `name`.md.

    Args:
        folder: a `Path`, which must exist.
        name: name of both files, without a suffix.
        results: JSON values.
        to_markdown: a function from the results to Markdown.
    """
    text = json.dumps(results, indent=1)
    (folder / f"{name}.json").write_text(text + "\n")
    (folder / f"{name}.md").write_text(to_markdown(results))


def failures(rows):
    """Yields a sentence for each implementation that raised an error."""
    for row in rows:
        for name, result in row["implementations"].items():
            if "failed" in result:
                case = [name, row["net"], shape_name(row["shape"])]
                if "precision" in row:
                    case.append(row["precision"])
                yield ""
                yield f"{', '.join(case)}: {result['failed']}"


def median(taken, name):
    """Returns an implementation's milliseconds, or `None` if it has none."""
    return taken.get(name, {}).get("median_ms")


def shape_name(shape):
    """Returns "4x256x256" of `(4, 256, 256)`."""
    return "x".join(map(str, shape))


def format_row(*cells):
    """Returns a row of a table."""
    return f"| {' | '.join(cells)} |"
