"""Receptive fields of a backbone's taps, computed from its layers."""

import math
from dataclasses import dataclass, replace

from keras import layers

from keras_lpips.layers.blur_pooling import BlurPool2D
from keras_lpips.layers.ceil_pooling import CeilMaxPooling2D


@dataclass(frozen=True)
class Grid:
    """The positions of a layer's output pixels in the image, on one axis.

    Pixel `i` depends on the image's pixels from `i * stride + first` to
    `i * stride + last`; those outside the image are padding.

    Attributes:
        stride: distance between adjacent output pixels, in image pixels.
        first: the first pixel of the image that pixel 0 depends on, at most 0.
        last: the last pixel of the image that pixel 0 depends on, at least 0.
        reflected: by how many pixels more the dependence reaches to either
            side near a border, where a layer pads by reflection.
    """

    stride: int = 1
    first: int = 0
    last: int = 0
    reflected: int = 0


def tap_grids(backbone) -> list[tuple[Grid, Grid]]:
    """Returns each tap's grids along the height and along the width.

    Args:
        backbone: a functional model from images to a list of taps, made of
            convolutions, pools, blurs, ReLUs, zero padding and
            concatenations.

    Raises:
        ValueError: naming the layer, if a layer is of another kind, or pads
            by an amount that depends on the size of the image.
    """
    found = {id(backbone.inputs[0]): (Grid(), Grid())}
    for layer in backbone.layers:
        if isinstance(layer, layers.InputLayer):
            continue
        # A layer may be called several times; the first call is the backbone's.
        inputs = layer.input if isinstance(layer.input, list) else [layer.input]
        grids = [found[id(tensor)] for tensor in inputs]
        found[id(layer.output)] = tuple(
            _after(layer, axis, [pair[axis] for pair in grids])
            for axis in (0, 1)
        )
    return [found[id(tap)] for tap in backbone.outputs]


def _after(layer, axis, grids):
    if isinstance(layer, layers.Concatenate) and _one_stride(grids):
        return Grid(
            grids[0].stride,
            min(grid.first for grid in grids),
            max(grid.last for grid in grids),
            max(grid.reflected for grid in grids),
        )
    (grid,) = grids
    if type(layer) is layers.ReLU:
        return grid
    if isinstance(layer, BlurPool2D):
        blurred = _windowed(
            grid, layer.kernel_size, layer.stride, layer.padding
        )
        # The last window of an odd size reaches two pixels past the edge, and
        # by reflection to the third pixel from it, where it would have seen
        # the last only.
        reach = blurred.reflected + layer.padding * grid.stride
        return replace(blurred, reflected=reach)
    if isinstance(layer, layers.ZeroPadding2D):
        return _windowed(grid, 1, 1, layer.padding[axis][0])
    pools = isinstance(layer, layers.MaxPooling2D) and layer.padding == "valid"
    if pools or isinstance(layer, CeilMaxPooling2D):
        return _windowed(grid, layer.pool_size[axis], layer.strides[axis], 0)
    # Not a subclass, which may compute something else.
    if type(layer) is layers.Conv2D:
        extent = (layer.kernel_size[axis] - 1) * layer.dilation_rate[axis] + 1
        stride = layer.strides[axis]
        if layer.padding == "valid":
            return _windowed(grid, extent, stride, 0)
        if layer.padding == "same" and stride == 1:
            return _windowed(grid, extent, 1, (extent - 1) // 2)
    raise ValueError(
        "Only a backbone of convolutions, max pools, blurs, ReLUs, zero "
        "padding and concatenations, whose padding does not depend on the "
        f"image's size, can be tiled or masked. Received: layer "
        f"{layer.name!r}, a {type(layer).__name__}"
    )


def _one_stride(grids):
    return len({grid.stride for grid in grids}) == 1


def _windowed(grid, extent, stride, padding):
    """Returns the grid of windows of `extent` pixels of `grid`."""
    return Grid(
        grid.stride * stride,
        grid.first - padding * grid.stride,
        grid.last + (extent - 1 - padding) * grid.stride,
        grid.reflected,
    )


def common_stride(grids) -> int:
    """Returns the least common multiple of the grids' strides."""
    return math.lcm(*(grid.stride for grid in grids))
