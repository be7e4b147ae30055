"""The trunk of a layer: one of the paper's, or a model of the user's."""

import keras
from keras import ops

from keras_lpips.backbones import build_trunk, find_backbone


def is_own_trunk(net) -> bool:
    """Returns whether `net` is a user's model, not the name of a trunk."""
    return isinstance(net, keras.Model)


def smallest_size(net) -> int:
    """Returns the smallest height and width of images, in pixels."""
    return 1 if is_own_trunk(net) else find_backbone(net).smallest_size


def check_taps(net, taps) -> list[str]:
    """Returns the names of the taps, in the order of the network.

    Args:
        net: name of a trunk, or a `keras.Model`.
        taps: names of layers; `None` for all taps of a named trunk.

    Raises:
        ValueError: if a name is unknown or given twice, or none is given.
    """
    if is_own_trunk(net):
        known = [layer.name for layer in net.layers]
        taps = taps or ()
    else:
        known = list(find_backbone(net).taps)
        taps = known if taps is None else taps
    taps = list(taps)
    unknown = [tap for tap in taps if tap not in known]
    if unknown or not taps or len(set(taps)) != len(taps):
        raise ValueError(
            f"`taps` must be different names out of {known}. "
            f"Received: taps={taps!r}"
        )
    return sorted(taps, key=known.index)


def make_trunk(net, taps, dtype, seed) -> keras.Model:
    """Returns a model from images to the list of taps.

    Args:
        net: name of a trunk, whose weights will be random, or a
            `keras.Model`, whose layers are used as they are.
        taps: names of the layers whose outputs are wanted, in order.
        dtype: dtype policy of a named trunk's layers.
        seed: seed of its weights, or `None`.
    """
    if is_own_trunk(net):
        model, name = net, "trunk"
    else:
        model, name = build_trunk(net, dtype, seed), f"{net}_trunk"
    outputs = [model.get_layer(tap).output for tap in taps]
    return keras.Model(model.inputs[0], outputs, name=name)


def set_trunk_weights(trunk, arrays) -> None:
    """Sets every weight of a trunk.

    Args:
        trunk: a model, or a part of one, that `make_trunk` made.
        arrays: float32 arrays by `<layer>/<weight>`; `None` where what was
            saved follows. Until then the weights are NaN, so that no number
            passes for a distance.
    """
    for layer in trunk.layers:
        for variable in layer.weights:
            if arrays is None:
                value = ops.full(variable.shape, float("nan"))
            else:
                value = arrays[f"{layer.name}/{variable.name}"]
            variable.assign(value)


def split_at_taps(model: keras.Model) -> list[keras.Model]:
    """Cuts a trunk into one model per tap, each fed by the tap before.

    Running the pieces in turn lets a caller drop each tap's features before
    the next are made. The layers are shared with `model`. A trunk whose taps
    are not a chain (a later tap also depends on something before an earlier
    one) cannot be cut and comes back whole.

    Args:
        model: functional model whose outputs are the taps, in order.

    Returns:
        A list of models: one per tap, or `model` alone.
    """
    stages = []
    source = model.inputs[0]
    for tap in model.outputs:
        try:
            stage = keras.Model(source, tap)
        except ValueError:
            return [model]
        stages.append(stage)
        source = tap
    return stages
