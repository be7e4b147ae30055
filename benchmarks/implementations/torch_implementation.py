"""The reference under torch, ready to be timed."""

import numpy as np
import torch

from benchmarks.implementations.names import (
    BFLOAT16,
    CHANNELS_LAST,
    COMPILED,
    COMPILED_CHANNELS_LAST,
    CPU,
    FLOAT32,
    GPU,
    TORCH,
)
from benchmarks.implementations.reference import (
    backbone_to_torchvision,
    load_backbone,
    lpips,
    make_reference,
    to_torch,
)
from benchmarks.inputs.random_images import SEED, draw_images
from benchmarks.measurement.interleaving import time_calls
from benchmarks.memory import peak_growth
from keras_lpips.weights.presets import fetch_backbone


class Implementation:
    """Prepares and times calls; see `benchmarks.implementations.process`.

    Args:
        device: "gpu", if torch sees one, or "cpu".
    """

    def __init__(self, device):
        seen = device == GPU and torch.cuda.is_available()
        self._device = torch.device("cuda" if seen else "cpu")
        self._runs = {}

    def describe(self) -> dict:
        """Returns the device, its name and its runtime."""
        if self._device.type == "cpu":
            return {"platform": CPU, "name": "cpu", "runtime": "cpu"}
        cudnn = torch.backends.cudnn.version()
        return {
            "platform": GPU,
            "name": torch.cuda.get_device_name(),
            "runtime": f"CUDA {torch.version.cuda}, cuDNN {cudnn}",
        }

    def prepare(
        self, name, net, shape, precision=FLOAT32, gradient=False
    ) -> list[float]:
        """Prepares `turn(name)` and returns the distances.

        Args:
            name: one of `TORCH`.
            net: "alex", "vgg" or "squeeze".
            shape: `(batch, height, width)` of each of the two batches.
            precision: one of `PRECISIONS`. Defaults to float32.
            gradient: whether the gradient to the second batch is computed,
                too. Defaults to `False`.
        """
        torch._dynamo.reset()
        _set_precision(precision)
        reference, layout = _make(name, net)
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

        def distance():
            with torch.no_grad(), autocast:
                return reference(*pair)

        def distance_and_gradient():
            distorted = pair[1].detach().requires_grad_()
            with autocast:
                distances = reference(pair[0], distorted)
            distances.sum().backward()
            return distances.detach()

        run = distance_and_gradient if gradient else distance
        self._runs[name] = run
        return run().float().flatten().tolist()

    def prepare_training(
        self, name, net, triplets, skip_image_gradient
    ) -> None:
        """Prepares `turn(name)` of a step of the authors' trainer.

        Args:
            name: name of the turn.
            net: "alex", "vgg" or "squeeze".
            triplets: uint8 images by role and `judge`.
            skip_image_gradient: whether to skip the gradient of the images,
                which the trainer computes but does not use.
        """
        trainer = lpips.Trainer()
        trainer.initialize(
            net=net, pnet_rand=True, use_gpu=False, is_train=True
        )
        backbone = backbone_to_torchvision(net, fetch_backbone(net))
        load_backbone(trainer.net, backbone)
        trainer.net.train()
        data = {
            role: to_torch(triplets[role].astype(np.float32) / 127.5 - 1)
            for role in ("ref", "p0", "p1")
        }
        data["judge"] = to_torch(triplets["judge"].reshape(-1, 1, 1, 1))

        def step():
            trainer.set_input(data)
            if skip_image_gradient:
                for images in (trainer.var_ref, trainer.var_p0, trainer.var_p1):
                    images.requires_grad_(False)
            trainer.optimize_parameters()
            return trainer.loss_total.item()

        self._runs[name] = step

    def multiply(self, size, precision=FLOAT32) -> None:
        """Prepares `turn("product")` of square matrices."""
        _set_precision(precision)
        dtype = torch.bfloat16 if precision == BFLOAT16 else torch.float32
        torch.manual_seed(SEED)
        matrix = torch.randn(size, size, device=self._device).to(dtype)
        self._runs["product"] = lambda: matrix @ matrix

    def turn(self, name, calls=1) -> float:
        """Returns the seconds of one call; see `time_calls`."""
        return time_calls(self._runs[name], self._wait, calls)

    def threads(self) -> int:
        """Returns the number of threads that torch uses."""
        return torch.get_num_threads()

    def peak_bytes(self) -> int | None:
        """Returns the peak of memory on the device, `None` on a CPU."""
        if self._device.type == "cpu":
            return None
        return torch.cuda.max_memory_allocated()

    def peak_growth(self, name, net, shape) -> int:
        """Returns how many bytes one distance adds to the process's peak."""
        torch.set_grad_enabled(False)
        reference, layout = _make(name, net)
        pair = [to_torch(images).to(**layout) for images in draw_images(shape)]
        return peak_growth(reference, pair, prepare=to_torch)

    def _wait(self, results):
        del results
        if self._device.type != "cpu":
            torch.cuda.synchronize()


def _make(name, net):
    """Returns the pretrained reference and the memory format of its images."""
    if name not in TORCH:
        raise ValueError(f"`name` must be one of {TORCH}. Received: {name!r}")
    backbone = backbone_to_torchvision(net, fetch_backbone(net))
    reference = make_reference(net, backbone)
    last = name in (CHANNELS_LAST, COMPILED_CHANNELS_LAST)
    layout = torch.channels_last if last else torch.contiguous_format
    reference.to(memory_format=layout)
    if name in (COMPILED, COMPILED_CHANNELS_LAST):
        reference = torch.compile(reference)
    return reference, {"memory_format": layout}


def _set_precision(precision):
    allowed = precision != FLOAT32
    torch.backends.cuda.matmul.allow_tf32 = allowed
    torch.backends.cudnn.allow_tf32 = allowed
