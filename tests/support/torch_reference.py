"""The reference under torch, for a process without TensorFlow.

Tests call it through `benchmarks.implementations.process.RemoteObject`, so
arguments and results are NumPy arrays: images `(batch, height, width, 3)` in
[-1, 1], features `(batch, height, width, channels)`.
"""

import functools
import io
import os
from collections import OrderedDict
from importlib import resources

import numpy as np
import torch

from benchmarks.implementations import torchvision_stand_in
from benchmarks.implementations.reference import (
    SLICE,
    backbone_to_torchvision,
    lpips,
    make_reference,
    to_torch,
)
from keras_lpips.weights.presets import fetch_backbone


class Reference:
    """The reference, with random or pretrained weights.

    A `twin` is `(net, version, calibrated, spatial, bias)`: `bias` is the
    spread of random biases, or `None` for the pretrained backbone.
    """

    def __init__(self):
        self._trainer = None

    def saved_backbone(self, net, bias):
        """Returns the bytes that `torch.save` writes of the backbone."""
        tensors = (
            (name, torch.from_numpy(array))
            for name, array in _draw_backbone(net, bias).items()
        )
        return _save(OrderedDict(tensors))

    def distance(self, twin, reference, distorted):
        """Returns distances `(batch,)`, or maps if the twin is spatial."""
        with torch.no_grad():
            found = _make(*twin)(to_torch(reference), to_torch(distorted))
        return found[:, 0].numpy() if twin[3] else found.flatten().numpy()

    def per_layer(self, twin, reference, distorted):
        """Returns the part of each tap, `(batch, taps)`."""
        with torch.no_grad():
            _, parts = _make(*twin)(
                to_torch(reference), to_torch(distorted), retPerLayer=True
            )
        return np.stack([np.ravel(part) for part in parts], axis=-1)

    def taps(self, twin, images):
        """Returns scaled images, features, and features of unit length."""
        module = _make(*twin)
        with torch.no_grad():
            scaled = module.scaling_layer(to_torch(images))
            taps = list(module.net(scaled))
            units = [lpips.normalize_tensor(tap) for tap in taps]
        return (
            _channels_last(scaled),
            [_channels_last(tap) for tap in taps],
            [_channels_last(unit) for unit in units],
        )

    def gradient(self, twin, reference, distorted):
        """Returns the gradient of the summed distances to `distorted`."""
        distorted = to_torch(distorted).requires_grad_()
        _make(*twin)(to_torch(reference), distorted).sum().backward()
        return _channels_last(distorted.grad)

    def gradient_of_normalized_zeros(self):
        """Returns the gradient to features of 0 that are normalized."""
        dead = torch.zeros(1, 8, 2, 2, requires_grad=True)
        lpips.normalize_tensor(dead).sum().backward()
        return dead.grad.numpy()

    def heads(self, net, version):
        """Returns the file of heads, and its arrays as torch reads them."""
        folder = resources.files("lpips") / "weights" / f"v{version}"
        with resources.as_file(folder / f"{net}.pth") as path:
            state = torch.load(path, map_location="cpu", weights_only=True)
            file = path.read_bytes()
        return file, {name: tensor.numpy() for name, tensor in state.items()}

    def pickle(self, content, zipped):
        """Returns a file that torch writes, and its arrays by name.

        Args:
            content: a key of `PICKLES`.
            zipped: whether torch's format since 1.6 is written.
        """
        made = PICKLES[content]()
        expected = None
        if isinstance(made, dict):
            expected = {
                name: value.numpy()
                for name, value in made.items()
                if isinstance(value, torch.Tensor) and not value.is_sparse
            }
        return _save(made, zipped), expected

    def start_trainer(self, twin, weights):
        """Starts the authors' trainer with the backbone of a twin.

        Args:
            twin: of which the backbone is taken.
            weights: arrays of the heads and of the ranking head, by name.
        """
        self._trainer = _FaithfulTrainer()
        self._trainer.initialize(
            net=twin[0], pnet_rand=True, use_gpu=False, is_train=True
        )
        state = _make(*twin).state_dict()
        backbone = {key: state[key] for key in state if SLICE.match(key)}
        kept = self._trainer.net.load_state_dict(backbone, strict=False)
        if kept.unexpected_keys or any(map(SLICE.match, kept.missing_keys)):
            raise ValueError(f"The backbone does not fit: {kept}")
        # In evaluation mode only its dropout is off.
        self._trainer.net.eval()
        parameters = self._parameters()
        if parameters.keys() != weights.keys():
            raise ValueError(f"{sorted(parameters)} are not {sorted(weights)}")
        with torch.no_grad():
            for name, parameter in parameters.items():
                array = torch.from_numpy(weights[name].T.copy())
                parameter.copy_(array.reshape(parameter.shape))

    def train(self, batch):
        """Returns the loss and the gradients of one step, which it takes.

        Args:
            batch: uint8 images by role and `judge`.
        """
        data = {
            role: to_torch(batch[role].astype(np.float32) / 127.5 - 1)
            for role in ("ref", "p0", "p1")
        }
        data["judge"] = to_torch(batch["judge"].reshape(-1, 1, 1, 1))
        self._trainer.set_input(data)
        self._trainer.optimize_parameters()
        gradients = {
            name: _weight(name, parameter.grad)
            for name, parameter in self._parameters().items()
        }
        return self._trainer.loss_total.item(), gradients

    def trained(self):
        """Returns the weights of the trainer by name."""
        return {
            name: _weight(name, parameter)
            for name, parameter in self._parameters().items()
        }

    def _parameters(self):
        lins = self._trainer.net.lins
        named = {f"head{i}": x.model[-1].weight for i, x in enumerate(lins)}
        layers = [
            layer
            for layer in self._trainer.rankLoss.net.modules()
            if isinstance(layer, torch.nn.Conv2d)
        ]
        for i, layer in enumerate(layers):
            named |= {f"kernel{i}": layer.weight, f"bias{i}": layer.bias}
        return named


class _FaithfulTrainer(lpips.Trainer):
    """The authors' trainer, except that it never clamps the backbone.

    Their clamp is meant for the heads and matches every 1x1 kernel, those of
    squeeze's backbone included.
    """

    def clamp_weights(self):
        for head in self.net.lins:
            weight = head.model[-1].weight
            weight.data = torch.clamp(weight.data, min=0)


@functools.lru_cache(maxsize=4)
def _make(net, version, calibrated, spatial, bias):
    if bias is None:
        backbone = backbone_to_torchvision(net, fetch_backbone(net))
    else:
        backbone = _draw_backbone(net, bias)
    return make_reference(net, backbone, version, calibrated, spatial)


def _draw_backbone(net, bias):
    """Draws He normal kernels and normal biases, by torchvision's names."""
    networks = {
        "alex": torchvision_stand_in.alexnet,
        "vgg": torchvision_stand_in.vgg16,
        "squeeze": torchvision_stand_in.squeezenet1_1,
    }
    random = np.random.default_rng(seed=0)
    backbone = {}
    for name, weight in networks[net]().features.state_dict().items():
        shape = tuple(weight.shape)
        spread = np.sqrt(2 / np.prod(shape[1:])) if len(shape) == 4 else bias
        drawn = random.standard_normal(shape) * spread
        backbone[f"features.{name}"] = drawn.astype(np.float32)
    return backbone


BASE = torch.arange(24, dtype=torch.float32).reshape(2, 3, 4)
TENSORS = {
    "whole": BASE,
    "the same storage": BASE,
    "an offset": BASE[1],
    "transposed": BASE.permute(2, 0, 1),
    "every other": BASE[:, ::2, 1::2],
    "one value repeated": torch.ones(1).expand(5),
    "a scalar": torch.tensor(3.0),
    "empty": torch.zeros(0, 3),
    "float64": torch.linspace(0, 1, 5, dtype=torch.float64),
    "float16": torch.linspace(0, 1, 5).half(),
    "int64": torch.tensor([1, -2, 2**40]),
}


class OldTensor:
    """Is pickled as torch before 0.4 pickled tensors: vgg16-397923af.pth."""

    def __reduce__(self):
        storage = BASE._typed_storage()
        rebuild = torch._utils._rebuild_tensor
        return rebuild, (storage, 4, (3, 2), (4, 2))


class Command:
    """Runs a command when a pickle is read without care."""

    def __reduce__(self):
        return os.system, ("false",)


PICKLES = {
    "dict": lambda: TENSORS,
    "OrderedDict": lambda: OrderedDict(TENSORS),
    "shared storage": lambda: {"whole": BASE, "part": BASE[1]},
    "state of a module": lambda: torch.nn.Sequential(
        torch.nn.Conv2d(3, 4, 5)
    ).state_dict(),
    "tensor before torch 0.4": lambda: {"weight": OldTensor()},
    "two tensors": lambda: {"whole": BASE, "more": torch.ones(100)},
    # Not a state dict of plain tensors:
    "a module": lambda: torch.nn.Linear(2, 2),
    "a command": lambda: {"weight": Command()},
    "a number": lambda: {"weight": 3},
    "a list by name": lambda: {"weight": [BASE]},
    "a sparse tensor": lambda: {"weight": torch.ones(2).to_sparse()},
    "complex numbers": lambda: {"weight": torch.ones(2, dtype=torch.complex64)},
    "a list": lambda: [BASE],
    "a tensor": lambda: BASE,
    "a sentence": lambda: "a sentence",
}


def _save(content, zipped=True):
    file = io.BytesIO()
    torch.save(content, file, _use_new_zipfile_serialization=zipped)
    return file.getvalue()


def _channels_last(tensor):
    return np.ascontiguousarray(tensor.detach().numpy().transpose(0, 2, 3, 1))


def _weight(name, tensor):
    """Copies a kernel as `(inputs, outputs)`; heads and biases are flat."""
    array = tensor.detach().numpy().copy()
    if name.startswith("kernel"):
        return array[:, :, 0, 0].T
    return array.ravel()
