"""The convolutional part of torchvision's SqueezeNet 1.1."""

import keras

from keras_lpips.backbones.backbone import Backbone, WeightsFile

# Squeeze and expand channels of each fire module.
FIRES = {
    "fire2": (16, 64),
    "fire3": (16, 64),
    "fire4": (32, 128),
    "fire5": (32, 128),
    "fire6": (48, 192),
    "fire7": (48, 192),
    "fire8": (64, 256),
    "fire9": (64, 256),
}
# The pool before a fire module.
POOLS = {"fire2": "pool1", "fire4": "pool3", "fire6": "pool5"}
# Positions of the fire modules in torchvision's `features`.
TORCHVISION_INDICES = (3, 4, 6, 7, 9, 10, 11, 12)


def build_squeezenet(stack) -> None:
    """Adds SqueezeNet's convolutions, pools and fires to a `Stack`."""
    stack.convolution("conv1", 64, 3, stride=2)
    for name, (squeeze, expand) in FIRES.items():
        if name in POOLS:
            stack.pool_ceil(POOLS[name])
        stack.fire(name, squeeze, expand)


def _he_uniform(fan_in, next_seed):
    del fan_in
    return keras.initializers.HeUniform(seed=next_seed()), "zeros"


def _convolutions():
    names = {"conv1": "features.0"}
    for fire, index in zip(FIRES, TORCHVISION_INDICES, strict=True):
        names[f"{fire}_squeeze1x1"] = f"features.{index}.squeeze"
        names[f"{fire}_expand1x1"] = f"features.{index}.expand1x1"
        names[f"{fire}_expand3x3"] = f"features.{index}.expand3x3"
    return names


SQUEEZENET = Backbone(
    name="squeeze",
    taps=("conv1", "fire3", "fire5", "fire6", "fire7", "fire8", "fire9"),
    tap_channels=(64, 128, 256, 384, 384, 512, 512),
    smallest_size=17,
    convolutions=_convolutions(),
    build=build_squeezenet,
    initializers=_he_uniform,
    weights=WeightsFile(
        digest="55096c753fdf5d984bf2e91b9b1a14cf1ebd0972c1a20645b48d8306c0de668e",
        torchvision="squeezenet1_1-b8a52dc0.pth",
    ),
    heads={
        "0.1": (
            "ac76cb564fdc25ebf7fd1f9a3ebeb4e4ee8578927b33fc8bea4870f39d1bd6fa"
        ),
        "0.0": (
            "f16052ef7c7df6abb6f7c6dacd41fff4dc97992c6830986d8656400f7a05c022"
        ),
    },
    paper_name="Squeeze",
)
