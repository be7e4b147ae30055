"""The reference, `lpips` 0.1.4, with a given backbone.

It must not be imported beside TensorFlow: see
`benchmarks.implementations.process`.
"""

import re

import numpy as np
import torch

from benchmarks.implementations import torchvision_stand_in
from keras_lpips.backbones.registry import find_backbone

torchvision_stand_in.install()

# It looks for its backbones in `torchvision`.
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


def load_backbone(reference, backbone: dict) -> None:
    """Sets the weights of the reference's backbone.

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
