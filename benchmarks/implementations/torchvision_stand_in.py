"""The three backbones under torchvision's names, for an `lpips` without it.

`lpips` takes its backbones from `torchvision.models`, which cannot be installed
beside every build of torch. This module stands in for it: the convolutional
parts alone, with torchvision's numbering and in-place ReLUs, and random
weights.
"""

import importlib.util
import sys
import types
from types import SimpleNamespace

import torch
from torch import nn


def install() -> None:
    """Makes `import torchvision` find this module, if it finds nothing else."""
    if "torchvision" in sys.modules or importlib.util.find_spec("torchvision"):
        return
    models = types.ModuleType("torchvision.models")
    models.alexnet = alexnet
    models.vgg16 = vgg16
    models.squeezenet1_1 = squeezenet1_1
    package = types.ModuleType("torchvision")
    package.models = models
    sys.modules["torchvision"] = package
    sys.modules["torchvision.models"] = models


def alexnet(pretrained=False):
    """Returns AlexNet's `.features`, from 3 to 256 channels."""
    return _network(
        pretrained,
        *_convolution(3, 64, 11, stride=4, padding=2),
        nn.MaxPool2d(3, 2),
        *_convolution(64, 192, 5, padding=2),
        nn.MaxPool2d(3, 2),
        *_convolution(192, 384, 3, padding=1),
        *_convolution(384, 256, 3, padding=1),
        *_convolution(256, 256, 3, padding=1),
        nn.MaxPool2d(3, 2),
    )


# Channels of each 3x3 convolution; 0 is a pool.
VGG16 = (64, 64, 0, 128, 128, 0, 256, 256, 256, 0, 512, 512, 512, 0)
VGG16 += (512, 512, 512, 0)


def vgg16(pretrained=False):
    """Returns VGG16's `.features`, from 3 to 512 channels."""
    parts, channels = [], 3
    for width in VGG16:
        if width:
            parts += _convolution(channels, width, 3, padding=1)
            channels = width
        else:
            parts.append(nn.MaxPool2d(2, 2))
    return _network(pretrained, *parts)


def squeezenet1_1(pretrained=False):
    """Returns SqueezeNet 1.1's `.features`, from 3 to 512 channels."""
    return _network(
        pretrained,
        *_convolution(3, 64, 3, stride=2),
        nn.MaxPool2d(3, 2, ceil_mode=True),
        Fire(64, 16, 64),
        Fire(128, 16, 64),
        nn.MaxPool2d(3, 2, ceil_mode=True),
        Fire(128, 32, 128),
        Fire(256, 32, 128),
        nn.MaxPool2d(3, 2, ceil_mode=True),
        Fire(256, 48, 192),
        Fire(384, 48, 192),
        Fire(384, 64, 256),
        Fire(512, 64, 256),
    )


class Fire(nn.Module):
    """A fire module: a squeeze and two concatenated expansions."""

    def __init__(self, channels, squeezed, expanded):
        super().__init__()
        self.squeeze = nn.Conv2d(channels, squeezed, 1)
        self.expand1x1 = nn.Conv2d(squeezed, expanded, 1)
        self.expand3x3 = nn.Conv2d(squeezed, expanded, 3, padding=1)
        self.activation = nn.ReLU(inplace=True)

    def forward(self, images):
        """Returns `(batch, 2 * expanded, height, width)`."""
        squeezed = self.activation(self.squeeze(images))
        narrow = self.activation(self.expand1x1(squeezed))
        wide = self.activation(self.expand3x3(squeezed))
        return torch.cat([narrow, wide], 1)


def _convolution(channels, width, size, **options):
    return [
        nn.Conv2d(channels, width, size, **options),
        nn.ReLU(inplace=True),
    ]


def _network(pretrained, *parts):
    if pretrained:
        raise ValueError("The stand-in holds no pretrained weights")
    return SimpleNamespace(features=nn.Sequential(*parts))
