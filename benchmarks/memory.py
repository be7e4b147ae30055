"""Peak memory of one distance, each way in a process of its own.

    python -m benchmarks.memory ours alex 1 1080 1920

prints the bytes by which the process grew, at its peak, over what it held
with everything imported, the weights loaded and a small image compared.
"""

import os
import subprocess
import sys
from pathlib import Path

from benchmarks.implementations.names import CHANNELS_LAST, EAGER, OURS
from benchmarks.random_images import draw_images

WAYS = (OURS, EAGER, CHANNELS_LAST)
SMALL = (1, 64, 64)


def measure(way: str, net: str, shape) -> int:
    """Returns the peak in bytes, measured in a new process.

    Args:
        way: one of `WAYS`.
        net: "alex", "vgg" or "squeeze".
        shape: `(batch, height, width)` of each of the two batches.
    """
    command = [sys.executable, "-m", "benchmarks.memory", way, net]
    done = subprocess.run(
        [*command, *map(str, shape)],
        check=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
    )
    return int(done.stdout.split()[-1])


def main(argv) -> None:
    """Prints the peak in bytes of this process."""
    way, net, *shape = argv
    compare, pair = (_ours if way == OURS else _theirs)(
        way, net, tuple(map(int, shape))
    )
    # What loading took at its peak is forgotten first.
    forget_peak()
    before = status_bytes("VmRSS")
    compare(*pair)
    print(status_bytes("VmHWM") - before)


def _ours(way, net, shape):
    del way
    from keras_lpips.inference.scorer import scorer

    score = scorer(net)
    score.distance(*draw_images(SMALL))
    return score.distance, draw_images(shape)


def _theirs(way, net, shape):
    import torch

    from benchmarks.implementations.reference import make_way, to_torch

    torch.set_grad_enabled(False)
    reference, layout = make_way(way, net)
    reference(*map(to_torch, draw_images(SMALL)))
    pair = [to_torch(x).to(**layout) for x in draw_images(shape)]
    return reference, pair


def forget_peak() -> None:
    """Lets `VmHWM` begin anew at what the process holds.

    Not `ru_maxrss`, which begins with the peak of the parent process.
    """
    Path("/proc/self/clear_refs").write_text("5")


def status_bytes(name: str) -> int:
    """Returns "VmRSS" or "VmHWM" of this process, in bytes."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError(f"/proc/self/status has no {name}")


if __name__ == "__main__":
    main(sys.argv[1:])
