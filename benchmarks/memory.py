"""Measures the peak memory of this process."""

from collections.abc import Callable
from pathlib import Path

from benchmarks.inputs.random_images import draw_images

SMALL = (1, 64, 64)


def peak_growth(
    compare: Callable, pair, prepare: Callable | None = None
) -> int:
    """Returns the bytes that `compare(*pair)` adds at its peak.

    A small pair is compared first, so that one-time allocations are not
    counted.

    Args:
        compare: function of two batches.
        pair: the two batches.
        prepare: function from a batch of images to an argument of `compare`.
            Defaults to none.
    """
    small = draw_images(SMALL)
    compare(*(map(prepare, small) if prepare else small))
    reset_peak()
    before = status_bytes("VmRSS")
    compare(*pair)
    return status_bytes("VmHWM") - before


def reset_peak() -> None:
    """Resets `VmHWM` to the current memory of the process.

    `ru_maxrss` would begin with the peak of the parent process.
    """
    Path("/proc/self/clear_refs").write_text("5")


def status_bytes(name: str) -> int:
    """Returns "VmRSS" or "VmHWM" of this process, in bytes."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError(f"/proc/self/status has no {name}")
