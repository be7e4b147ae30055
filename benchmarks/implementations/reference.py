"""The reference, `lpips` 0.1.4, with a backbone of our choice."""

import re

import numpy as np
import torch

# Its optimizers import triton, which crashes where TensorFlow was loaded
# first, so that programs import this module before Keras.
import torch._dynamo

from benchmarks.implementations import torchvision_stand_in
from benchmarks.implementations.names import (
    BEST,
    CHANNELS_LAST,
    COMPILED,
    COMPILED_CHANNELS_LAST,
)
from keras_lpips.backbones.registry import find_backbone
from keras_lpips.weights.presets import fetch_backbone

torchvision_stand_in.install()

# It finds its backbones in the stand-in.
import lpips  # noqa: E402

SLICE = re.compile(r"net\.slice\d+\.")


def make_reference(
    net: str,
    backbone: dict,
    version: str = "0.1",
    calibrated: bool = True,
    spatial: bool = False,
) -> torch.nn.Module:
    """Builds the reference with the heads that it ships.

    Args:
        net: "alex", "vgg" or "squeeze".
        backbone: float32 arrays by torchvision's names, `features.<i>.weight`
            (OIHW) and `.bias`.
        version: "0.1" or "0.0". Defaults to "0.1".
        calibrated: the reference's `lpips`. Defaults to `True`.
        spatial: whether it returns maps. Defaults to `False`.

    Returns:
        The module, in evaluation mode, for images `(batch, 3, height, width)`
        in [-1, 1].
    """
    reference = lpips.LPIPS(
        net=net,
        version=version,
        lpips=calibrated,
        spatial=spatial,
        pnet_rand=True,
        verbose=False,
    )
    load_backbone(reference, backbone)
    return reference


def make_way(way: str, net: str):
    """Builds the reference with the pretrained backbone, to be run in one way.

    Args:
        way: one of `benchmarks.implementations.names.BEST`.
        net: "alex", "vgg" or "squeeze".

    Returns:
        The module, and what `to` must be called with on its images.
    """
    if way not in BEST:
        raise ValueError(f"`way` must be one of {BEST}. Received: way={way!r}")
    reference = make_reference(
        net, backbone_to_torchvision(net, fetch_backbone(net))
    )
    last = way in (CHANNELS_LAST, COMPILED_CHANNELS_LAST)
    layout = torch.channels_last if last else torch.contiguous_format
    reference.to(memory_format=layout)
    if way in (COMPILED, COMPILED_CHANNELS_LAST):
        reference = torch.compile(reference)
    return reference, {"memory_format": layout}


def load_backbone(reference, backbone: dict) -> None:
    """Sets the backbone of the reference, and that alone.

    Args:
        reference: the `lpips.LPIPS`.
        backbone: float32 arrays by torchvision's names.
    """
    state = reference.state_dict()
    names = {
        SLICE.sub("features.", key): key for key in state if SLICE.match(key)
    }
    if set(names) != set(backbone):
        raise ValueError(
            "`backbone` must hold exactly the backbone's weights. Received, of "
            f"{len(names)}: {sorted(backbone)}"
        )
    for name, key in names.items():
        state[key] = torch.from_numpy(np.ascontiguousarray(backbone[name]))
    reference.load_state_dict(state)


def backbone_to_torchvision(net: str, arrays: dict) -> dict:
    """Converts our names and HWIO kernels to torchvision's and OIHW.

    Args:
        net: "alex", "vgg" or "squeeze".
        arrays: float32 arrays by `<layer>/<weight>`.

    Returns:
        float32 arrays by torchvision's names.
    """
    converted = {}
    for ours, theirs in find_backbone(net).convolutions.items():
        kernel = arrays[f"{ours}/kernel"]
        converted[f"{theirs}.weight"] = kernel.transpose(3, 2, 0, 1)
        converted[f"{theirs}.bias"] = arrays[f"{ours}/bias"]
    return converted


def to_torch(images: np.ndarray) -> torch.Tensor:
    """Returns `(batch, height, width, 3)` as contiguous `(batch, 3, ...)`."""
    return torch.from_numpy(images.transpose(0, 3, 1, 2).copy())
