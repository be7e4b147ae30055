"""All pairs of a folder: our command against the reference's script.

The script that the reference ships for this (`lpips_1dir_allpairs.py`) runs
both images of every pair through the backbone. It is timed on a sample of pairs
and the time multiplied, without reading any file; our command is timed whole,
from PNGs to the written table.
"""

import contextlib
import io
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from benchmarks.implementations.reference import (
    backbone_to_torchvision,
    make_reference,
    to_torch,
)
from benchmarks.interleaving import time_once
from keras_lpips.weights.presets import fetch_backbone
from keras_lpips_cli.main import main as keras_lpips


def measure(net: str, images: int, size: int, sampled_pairs: int) -> dict:
    """Times both on square noise.

    Args:
        net: "alex", "vgg" or "squeeze".
        images: how many.
        size: height and width in pixels.
        sampled_pairs: how many pairs of the reference are timed.

    Returns:
        `ours_s`, measured whole; `torch_s`, the median of the sampled pairs
        times the number of pairs; and the arguments.
    """
    random = np.random.default_rng(seed=0)
    pixels = random.integers(0, 256, (images, size, size, 3), np.uint8)
    with tempfile.TemporaryDirectory() as folder:
        for i, image in enumerate(pixels):
            Image.fromarray(image).save(Path(folder) / f"{i:04d}.png")
        table = Path(folder) / "matrix.csv"
        arguments = ["matrix", folder, "--output", str(table), "--net", net]
        start = time.perf_counter()
        with (
            contextlib.redirect_stdout(io.StringIO()),
            contextlib.redirect_stderr(io.StringIO()),
        ):
            status = keras_lpips(arguments)
        ours = time.perf_counter() - start
        if status:
            raise RuntimeError(f"keras-lpips matrix ended with {status}")
    reference = make_reference(
        net, backbone_to_torchvision(net, fetch_backbone(net))
    )
    tensors = to_torch(pixels[:2].astype(np.float32) / 127.5 - 1)

    def pair():
        with torch.no_grad():
            reference(tensors[:1], tensors[1:])

    pair()
    taken = statistics.median(time_once(pair) for _ in range(sampled_pairs))
    return {
        "net": net,
        "images": images,
        "size": size,
        "sampled_pairs": sampled_pairs,
        "ours_s": ours,
        "torch_s": taken * images * (images - 1) / 2,
    }
