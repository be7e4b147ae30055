"""The backbone of a layer: one of the paper's, or a model of the user's."""

import keras
from keras import ops

from keras_lpips.backbones.registry import build_backbone, find_backbone


def is_custom_backbone(net) -> bool:
    """Returns whether `net` is a user's model, not the name of a backbone."""
    return isinstance(net, keras.Model)


def smallest_size(net) -> int:
    """Returns the smallest height and width of images, in pixels."""
    return 1 if is_custom_backbone(net) else find_backbone(net).smallest_size


def check_taps(net, taps) -> list[str]:
    """Returns the names of the taps, in the order of the network.

    Args:
        net: name of a backbone, or a `keras.Model`.
        taps: names of layers; `None` for all taps of a named backbone.

    Raises:
        ValueError: if a name is unknown or given twice, or none is given.
    """
    if is_custom_backbone(net):
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


def make_backbone(net, taps, dtype, seed) -> keras.Model:
    """Returns a model from images to the list of taps.

    Args:
        net: name of a backbone, whose weights will be random, or a
            `keras.Model`, which is copied with its weights, so that
            freezing or training one does not touch the other.
        taps: names of the layers whose outputs are wanted, in order.
        dtype: dtype policy of a named backbone's layers.
        seed: seed of its weights, or `None`.
    """
    if is_custom_backbone(net):
        model = _part(net, taps, "backbone")
        copy = keras.models.clone_model(model)
        copy.set_weights(model.get_weights())
        return copy
    return _part(build_backbone(net, dtype, seed), taps, f"{net}_backbone")


def _part(model, taps, name):
    outputs = [model.get_layer(tap).output for tap in taps]
    return keras.Model(model.inputs[0], outputs, name=name)


def set_backbone_weights(backbone, arrays) -> None:
    """Sets every weight of a backbone.

    Args:
        backbone: a model, or a part of one, that `make_backbone` made.
        arrays: float32 arrays by `<layer>/<weight>`; `None` where what was
            saved follows. Until then the weights are NaN, so that no number
            passes for a distance.
    """
    for layer in backbone.layers:
        for variable in layer.weights:
            if arrays is None:
                value = ops.full(variable.shape, float("nan"))
            else:
                value = arrays[f"{layer.name}/{variable.name}"]
            variable.assign(value)


def split_at_taps(model: keras.Model) -> list[keras.Model]:
    """Cuts a backbone into one model per tap, each fed by the tap before.

    Running the pieces in turn lets a caller drop each tap's features before
    the next are made. The layers are shared with `model`. A backbone whose taps
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
