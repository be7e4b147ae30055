"""The convolutional part of torchvision's VGG16."""

import keras

from keras_lpips.backbones.backbone import Backbone, WeightsFile

STACKWISE_FILTERS = (64, 128, 256, 512, 512)
STACKWISE_REPEATS = (2, 2, 3, 3, 3)
# Positions of the convolutions in torchvision's `features`.
TORCHVISION_INDICES = (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28)

CONVOLUTIONS = tuple(
    f"conv{block}_{i}"
    for block, repeats in enumerate(STACKWISE_REPEATS, start=1)
    for i in range(1, repeats + 1)
)


def build_vgg16(stack) -> None:
    """Adds VGG16's convolutions and pools to a `Stack`."""
    depths = zip(STACKWISE_FILTERS, STACKWISE_REPEATS, strict=True)
    for block, (filters, repeats) in enumerate(depths, start=1):
        if block > 1:
            stack.pool(f"pool{block - 1}", 2, 2)
        for i in range(1, repeats + 1):
            stack.convolution(f"conv{block}_{i}", filters, 3, padding=1)


def he_normal_fan_out(fan_in, next_seed):
    """Returns He's normal initializer by fan-out, and zeros."""
    del fan_in
    kernel = keras.initializers.VarianceScaling(
        2.0, "fan_out", "untruncated_normal", seed=next_seed()
    )
    return kernel, "zeros"


VGG16 = Backbone(
    name="vgg",
    taps=("conv1_2", "conv2_2", "conv3_3", "conv4_3", "conv5_3"),
    tap_channels=STACKWISE_FILTERS,
    smallest_size=16,
    convolutions={
        name: f"features.{index}"
        for name, index in zip(CONVOLUTIONS, TORCHVISION_INDICES, strict=True)
    },
    build=build_vgg16,
    initializers=he_normal_fan_out,
    weights=WeightsFile(
        digest="d5fc885e71a85e965a47a300d2f0bcf65de35158086761db094b37c642645b1e",
        torchvision="vgg16-397923af.pth",
        checkpoint="vgg16.ckpt",
        checkpoint_sha256=(
            "2ecbe4ce01168921c28dfd502e2b74490ef8c4d66b0a0286bc7a6127facccc9d"
        ),
        flax_scope="VGG16_0",
    ),
    heads={
        "0.1": (
            "3bf5e6e14cedd0abc2b6715eedd69f2a7ce1655413afc9ed385a35fce2c841c5"
        ),
        "0.0": (
            "26100e5b0dba45353438b84965364705318ede025c6c90ce4b8fbd6de6b65abc"
        ),
    },
    paper_name="VGG",
)
