"""This package and the reference under torch, made ready to be timed.

The same weights and images are given to all. A contestant is a function
without arguments that returns when its result is there.
"""

import keras
import numpy as np
import tensorflow as tf
import torch

from benchmarks.reference import (
    make_reference,
    to_torch,
    trunk_to_torchvision,
)
from keras_lpips import LPIPS
from keras_lpips.compiled import compiled
from keras_lpips.weights.trunks import fetch_trunk

OURS = "ours"
EAGER = "torch"
CHANNELS_LAST = "torch, channels_last"
COMPILED = "torch.compile"
COMPILED_CHANNELS_LAST = "torch.compile, channels_last"
CONVOLUTIONS = "our convolutions alone"
# What counts as torch at its best: the fastest of these.
BEST = (EAGER, CHANNELS_LAST, COMPILED, COMPILED_CHANNELS_LAST)


def draw_images(shape) -> list[np.ndarray]:
    """Returns two batches of noise.

    Args:
        shape: `(batch, height, width)`.

    Returns:
        float32, `(batch, height, width, 3)`, [-1, 1].
    """
    random = np.random.default_rng(seed=0)
    return list(random.uniform(-1, 1, (2, *shape, 3)).astype(np.float32))


def forward(net: str, shape, with_compile=True) -> dict:
    """Returns the contestants that compute distances, by name.

    Args:
        net: "alex", "vgg" or "squeeze".
        shape: `(batch, height, width)` of each of the two batches.
        with_compile: whether `torch.compile` takes part.
    """
    images = draw_images(shape)
    lpips = LPIPS(net)
    distance = compiled(lpips, lpips.variables)
    trunk = compiled(
        lambda a, b: (lpips.trunk(a)[-1], lpips.trunk(b)[-1]), lpips.variables
    )
    tensors = [tf.constant(batch) for batch in images]
    contestants = {OURS: lambda: distance(*tensors).numpy()}
    for name, (reference, pair) in _references(
        net, images, with_compile
    ).items():
        contestants[name] = _without_gradient(reference, pair)
    contestants[CONVOLUTIONS] = lambda: [x.numpy() for x in trunk(*tensors)]
    return contestants


def gradient(net: str, shape, with_compile=True) -> dict:
    """Returns those that compute distances and the gradient to an image.

    Args:
        net: as in `forward`.
        shape: as in `forward`.
        with_compile: as in `forward`.
    """
    images = draw_images(shape)
    lpips = LPIPS(net)

    @tf.function(autograph=False)
    def ours(reference, distorted):
        with tf.GradientTape() as tape:
            tape.watch(distorted)
            total = tf.reduce_sum(lpips(reference, distorted))
        return tape.gradient(total, distorted)

    tensors = [tf.constant(batch) for batch in images]
    contestants = {OURS: lambda: ours(*tensors).numpy()}
    for name, (reference, pair) in _references(
        net, images, with_compile
    ).items():
        contestants[name] = _with_gradient(reference, pair)
    return contestants


def convolution_operations(net: str, shape) -> int:
    """Returns the multiplications and additions of the trunk, twice.

    Args:
        net: "alex", "vgg" or "squeeze".
        shape: `(batch, height, width)` of each of the two batches.
    """
    lpips = LPIPS(net, trunk_weights="random")
    layers = [
        layer
        for layer in lpips.trunk.layers
        if isinstance(layer, keras.layers.Conv2D)
    ]
    model = keras.Model(lpips.trunk.inputs, [layer.output for layer in layers])
    total = 0
    shapes = model.compute_output_shape((*shape, 3))
    for layer, output in zip(layers, shapes, strict=True):
        per_value = 2 * int(np.prod(layer.kernel.shape[:3]))
        total += int(np.prod(output)) * per_value
    return 2 * total


def _references(net, images, with_compile):
    torch._dynamo.reset()
    trunk = trunk_to_torchvision(net, fetch_trunk(net))
    pair = [to_torch(batch) for batch in images]
    last = {"memory_format": torch.channels_last}
    pair_last = [batch.to(**last) for batch in pair]
    reference = make_reference(net, trunk)
    reference_last = make_reference(net, trunk).to(**last)
    references = {
        EAGER: (reference, pair),
        CHANNELS_LAST: (reference_last, pair_last),
    }
    if with_compile:
        references[COMPILED] = torch.compile(reference), pair
        compiled_last = torch.compile(reference_last)
        references[COMPILED_CHANNELS_LAST] = compiled_last, pair_last
    return references


def _without_gradient(reference, pair):
    def run():
        with torch.no_grad():
            return reference(*pair)

    return run


def _with_gradient(reference, pair):
    def run():
        distorted = pair[1].detach().requires_grad_()
        reference(pair[0], distorted).sum().backward()
        return distorted.grad

    return run
