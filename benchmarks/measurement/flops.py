"""Counts the operations of the convolutions of a distance."""

import keras
import numpy as np

from keras_lpips import LPIPS


def convolution_operations(net: str, shape) -> int:
    """Returns the multiplications and additions of the backbone, twice.

    Args:
        net: "alex", "vgg" or "squeeze".
        shape: `(batch, height, width)` of each of the two batches.
    """
    lpips = LPIPS(net, backbone_weights="random")
    layers = [
        layer
        for layer in lpips.backbone.layers
        if isinstance(layer, keras.layers.Conv2D)
    ]
    model = keras.Model(
        lpips.backbone.inputs, [layer.output for layer in layers]
    )
    total = 0
    shapes = model.compute_output_shape((*shape, 3))
    for layer, output in zip(layers, shapes, strict=True):
        per_value = 2 * int(np.prod(layer.kernel.shape[:3]))
        total += int(np.prod(output)) * per_value
    return 2 * total
