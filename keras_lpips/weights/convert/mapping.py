"""Maps names and layouts of weights of other projects to those used here.

Here they are `<layer>/kernel`, `(height, width, channels in, channels out)`,
and `<layer>/bias`. Unknown names are rejected, except in files that are known
to hold more than the backbone.
"""

import numpy as np

from keras_lpips.backbones.registry import find_backbone
from keras_lpips.layers.normalization import SCALE, SHIFT
from keras_lpips.weights.npz import WeightsError, check_keys


def backbone_from_torchvision(net: str, arrays: dict) -> dict:
    """Converts torchvision's `features.<i>.weight` (OIHW) and `.bias`.

    The classifier's entries are skipped.

    Args:
        net: name of a backbone.
        arrays: float32 arrays by torchvision's names.

    Returns:
        float32 arrays by our names.

    Raises:
        WeightsError: if a name is missing or unknown.
    """
    features = {
        name: array
        for name, array in arrays.items()
        if not name.startswith("classifier.")
    }
    return _rename_torch(net, features)


def backbone_from_features(net: str, arrays: dict) -> dict:
    """Converts `features.<i>.kernel` (HWIO) and `.bias`."""
    return _rename(
        net,
        arrays,
        lambda number, layer: (f"{layer}.kernel", f"{layer}.bias"),
    )


def backbone_from_flax(net: str, arrays: dict) -> dict:
    """Converts `<scope>/Conv_<i>/kernel` (HWIO) and `bias`.

    Convolutions are numbered in the order of the network.
    The heads in the checkpoint are ignored: those of the reference are shipped.
    """
    weights = find_backbone(net).weights
    scope = weights and weights.flax_scope
    backbone = {
        name: array
        for name, array in arrays.items()
        if not name.startswith("NetLinLayer_")
    }
    return _rename(
        net,
        backbone,
        lambda number, layer: (
            f"{scope}/Conv_{number}/kernel",
            f"{scope}/Conv_{number}/bias",
        ),
    )


def heads_from_torch(net: str, arrays: dict, version: str = "0.1") -> dict:
    """Converts the reference's `lin<k>.model.1.weight`, `(1, C, 1, 1)`.

    Returns:
        float32 arrays `(C,)` by `<tap>/kernel`.
    """
    backbone = find_backbone(net, version)
    names = {f"lin{k}.model.1.weight": t for k, t in enumerate(backbone.taps)}
    shapes = {
        name: (1, channels, 1, 1)
        for name, channels in zip(names, backbone.tap_channels, strict=True)
    }
    check_keys(arrays, shapes, f"the heads of {net!r}")
    return {
        f"{tap}/kernel": _float32(arrays[name].reshape(-1))
        for name, tap in names.items()
    }


def backbone_and_heads_from_st(net: str, arrays: dict) -> tuple[dict, dict]:
    """Converts a file of `stlpips_pytorch`, which holds backbone and heads.

    Its blur kernels and its shift and scale are checked and skipped.

    Args:
        net: "alex" or "vgg".
        arrays: float32 arrays by the file's names.

    Returns:
        float32 arrays by our names: those of the backbone, and the heads.

    Raises:
        WeightsError: if a name is missing or unknown, or a constant is another.
    """
    constants = {
        "scaling_layer.shift": np.reshape(SHIFT, (1, 3, 1, 1)),
        "scaling_layer.scale": np.reshape(SCALE, (1, 3, 1, 1)),
    }
    blur = np.outer((1, 2, 1), (1, 2, 1)) / 16
    for name, array in arrays.items():
        if name.endswith(".filt"):
            constants[name] = np.broadcast_to(blur, (len(array), 1, 3, 3))
    for name, values in constants.items():
        found = arrays.get(name, np.nan)
        if not np.array_equal(found, values.astype(np.float32)):
            raise WeightsError(f"{name} of {net!r} is not the expected one")
    heads = {k: v for k, v in arrays.items() if k.startswith("lin")}
    backbone = {
        name: array
        for name, array in arrays.items()
        if name not in constants and name not in heads
    }
    return (
        _rename_torch(net, backbone, version="st"),
        heads_from_torch(net, heads, version="st"),
    )


def _rename_torch(net, arrays, version="0.1"):
    return _rename(
        net,
        arrays,
        lambda number, layer: (f"{layer}.weight", f"{layer}.bias"),
        lambda kernel: kernel.transpose(2, 3, 1, 0),
        version,
    )


def _rename(
    net,
    arrays,
    foreign_names,
    convert_kernel=lambda kernel: kernel,
    version="0.1",
):
    """Renames and transposes the weights of a backbone's convolutions.

    Args:
        net: name of the backbone.
        arrays: arrays by foreign names.
        foreign_names: function of a convolution's index and its name in
            `Backbone.convolutions` that returns the foreign names of kernel
            and bias.
        convert_kernel: converts a kernel to HWIO. Defaults to no change.
        version: version of LPIPS that the backbone belongs to. Defaults to
            "0.1".
    """
    convolutions = find_backbone(net, version).convolutions.items()
    converted, used = {}, set()
    for number, (ours, theirs) in enumerate(convolutions):
        kernel, bias = foreign_names(number, theirs)
        if kernel not in arrays or bias not in arrays:
            raise WeightsError(f"{kernel} or {bias} is missing for {net!r}")
        if arrays[kernel].ndim != 4:
            raise WeightsError(f"{kernel} is not the kernel of a convolution")
        converted[f"{ours}/kernel"] = _float32(convert_kernel(arrays[kernel]))
        converted[f"{ours}/bias"] = _float32(arrays[bias])
        used |= {kernel, bias}
    if set(arrays) - used:
        raise WeightsError(
            f"unknown weights for {net!r}: {sorted(set(arrays) - used)}"
        )
    return converted


def _float32(array):
    return np.ascontiguousarray(array, dtype=np.float32)
