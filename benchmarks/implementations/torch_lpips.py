"""The reference under torch, ready to be timed."""

import torch

from benchmarks.implementations.precisions import BFLOAT16, FLOAT32
from benchmarks.implementations.process import CPU, GPU
from benchmarks.implementations.reference import make_way, to_torch
from benchmarks.interleaving import time_calls
from benchmarks.random_images import SEED, draw_images


class Contestant:
    """Runs one thing after another; see `benchmarks.implementations.process`.

    Args:
        device: "gpu", if torch sees one, or "cpu".
    """

    def __init__(self, device):
        seen = device == GPU and torch.cuda.is_available()
        self._device = torch.device("cuda" if seen else "cpu")
        self._run = None

    def describe(self) -> dict:
        """Returns the device, its name and what runs it."""
        if self._device.type == "cpu":
            return {"platform": CPU, "name": "cpu", "runtime": "cpu"}
        cudnn = torch.backends.cudnn.version()
        return {
            "platform": GPU,
            "name": torch.cuda.get_device_name(),
            "runtime": f"CUDA {torch.version.cuda}, cuDNN {cudnn}",
        }

    def compare(self, way, net, shape, precision) -> list[float]:
        """Makes ready for `turn`, and returns the distances.

        Args:
            way: one of `benchmarks.implementations.names.BEST`.
            net: "alex", "vgg" or "squeeze".
            shape: `(batch, height, width)` of each of the two batches.
            precision: one of
                `benchmarks.implementations.precisions.PRECISIONS`.
        """
        _set_precision(precision)
        reference, layout = make_way(way, net)
        reference.to(self._device)
        pair = [
            to_torch(images).to(self._device, **layout)
            for images in draw_images(shape)
        ]
        autocast = torch.autocast(
            self._device.type,
            dtype=torch.bfloat16,
            enabled=precision == BFLOAT16,
        )

        def run():
            with torch.no_grad(), autocast:
                return reference(*pair)

        self._run = run
        return run().float().flatten().tolist()

    def multiply(self, size, precision) -> None:
        """Makes ready for `turn` on products of square matrices."""
        _set_precision(precision)
        dtype = torch.bfloat16 if precision == BFLOAT16 else torch.float32
        torch.manual_seed(SEED)
        matrix = torch.randn(size, size, device=self._device).to(dtype)
        self._run = lambda: matrix @ matrix

    def turn(self, calls) -> float:
        """Returns the seconds of one call; see `time_calls`."""
        return time_calls(self._run, self._wait, calls)

    def peak_bytes(self) -> int | None:
        """Returns the peak of this process, or `None` on a CPU."""
        if self._device.type == "cpu":
            return None
        return torch.cuda.max_memory_allocated()

    def _wait(self, results):
        del results
        if self._device.type != "cpu":
            torch.cuda.synchronize()


def _set_precision(precision):
    allowed = precision != FLOAT32
    torch.backends.cuda.matmul.allow_tf32 = allowed
    torch.backends.cudnn.allow_tf32 = allowed
