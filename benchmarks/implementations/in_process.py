"""This package and the reference under torch, made ready to be timed.

The same weights and images are given to all. A contestant is a function
without arguments that returns when its result is there.
"""

import tensorflow as tf
import torch

from benchmarks.implementations.names import (
    BEST,
    CHANNELS_LAST,
    CONVOLUTIONS,
    EAGER,
    OURS,
)
from benchmarks.implementations.reference import make_way, to_torch
from benchmarks.random_images import draw_images
from keras_lpips import LPIPS
from keras_lpips.inference.jit import compiled


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
    backbone = compiled(
        lambda a, b: (lpips.backbone(a)[-1], lpips.backbone(b)[-1]),
        lpips.variables,
    )
    tensors = [tf.constant(batch) for batch in images]
    contestants = {OURS: lambda: distance(*tensors).numpy()}
    for name, reference, pair in _references(net, images, with_compile):
        contestants[name] = _without_gradient(reference, pair)
    contestants[CONVOLUTIONS] = lambda: [x.numpy() for x in backbone(*tensors)]
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
    for name, reference, pair in _references(net, images, with_compile):
        contestants[name] = _with_gradient(reference, pair)
    return contestants


def _references(net, images, with_compile):
    ways = BEST if with_compile else (EAGER, CHANNELS_LAST)
    torch._dynamo.reset()
    for way in ways:
        reference, layout = make_way(way, net)
        yield way, reference, [to_torch(x).to(**layout) for x in images]


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
