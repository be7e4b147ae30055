"""Validates taps, loads weights, and computes backbones tap by tap."""

import contextlib
import contextvars

import keras

from keras_lpips.backbones.registry import (
    BACKBONES,
    build_backbone,
    build_backbone_from_arrays,
    find_backbone,
)
from keras_lpips.layers.isolation import run_outside_scopes
from keras_lpips.weights.presets import cached_backbone, fetch_backbone

_from_saved = contextvars.ContextVar("from_saved", default=False)


@contextlib.contextmanager
def restoring_from_config():
    """Disables downloads in the block, while a layer is re-created."""
    token = _from_saved.set(True)
    try:
        yield
    finally:
        _from_saved.reset(token)


def is_restoring_from_config() -> bool:
    """Returns whether a layer is being re-created from its configuration."""
    return _from_saved.get()


def is_custom_backbone(net) -> bool:
    """Returns whether `net` is a user's model, not the name of a backbone."""
    return isinstance(net, keras.Model)


def check_version(net, version: str) -> None:
    """Raises `ValueError` if a version of LPIPS does not exist for a net."""
    if not is_custom_backbone(net):
        find_backbone(net, version)
    elif any(version in known.variants for known in BACKBONES.values()):
        raise ValueError(
            f"Version {version!r} has backbones of its own. Received: "
            f"version={version!r} with a `keras.Model`"
        )


def smallest_size(net, version: str) -> int:
    """Returns the smallest height and width of images, in pixels."""
    if is_custom_backbone(net):
        return 1
    return find_backbone(net, version).smallest_size


def check_taps(net, taps, version: str) -> list[str]:
    """Returns the names of the taps, in the order of the network.

    Args:
        net: name of a backbone, or a `keras.Model`.
        taps: names of layers; `None` for all taps of a named backbone.
        version: version of LPIPS.

    Raises:
        ValueError: if a name is unknown or given twice, or none is given.
    """
    if is_custom_backbone(net):
        known = [layer.name for layer in net.layers]
        taps = taps or ()
    else:
        known = list(find_backbone(net, version).taps)
        taps = known if taps is None else taps
    taps = list(taps)
    unknown = [tap for tap in taps if tap not in known]
    if unknown or not taps or len(set(taps)) != len(taps):
        raise ValueError(
            f"`taps` must be different names out of {known}. "
            f"Received: taps={taps!r}"
        )
    return sorted(taps, key=known.index)


def copy_backbone(model: keras.Model, taps) -> keras.Model:
    """Returns a copy of a user's model that ends in the taps.

    Freezing or training one does not touch the other.

    Args:
        model: functional model.
        taps: names of the layers whose outputs are wanted, in order.
    """

    def copy():
        part = end_at_taps(model, taps, "backbone")
        clone = keras.models.clone_model(part)
        clone.set_weights(part.get_weights())
        return clone

    # Weights that are set inside the caller's scopes would be lost.
    return run_outside_scopes(copy)


def end_at_taps(model: keras.Model, taps, name: str) -> keras.Model:
    """Returns a model with the layers of `model` that ends in the taps."""
    outputs = [model.get_layer(tap).output for tap in taps]
    return keras.Model(model.inputs[0], outputs, name=name)


class Stages:
    """Computes the taps of a backbone one after another.

    Each tap's features can be freed before the next tap is computed.

    Args:
        backbone: functional model whose outputs are the taps, in order.
    """

    def __init__(self, backbone: keras.Model):
        self._models = split_at_taps(backbone)

    def run(self, *batches):
        """Yields, for each tap, the list of its features of every batch.

        Args:
            *batches: float `(batch, height, width, 3)`, scaled images.
        """
        for model in self._models:
            batches = [model(batch, training=False) for batch in batches]
            if isinstance(batches[0], (list, tuple)):
                yield from zip(*batches, strict=True)
            else:
                yield batches


def split_at_taps(model: keras.Model) -> list[keras.Model]:
    """Cuts a backbone into one model per tap, each fed by the tap before.

    The layers are shared with `model`. A backbone whose taps are not a chain
    (a later tap also depends on something before an earlier one) cannot be
    cut and is returned whole.

    Args:
        model: functional model whose outputs are the taps, in order.

    Returns:
        A list of models: one per tap, or `model` alone.
    """
    sources = [model.inputs[0], *model.outputs[:-1]]
    cuts = list(zip(sources, model.outputs, strict=True))
    if len(cuts) == 1 or not all(
        _depends_only_on(source, tap, model) for source, tap in cuts
    ):
        return [model]
    return [
        keras.Model(source, tap, name=f"{model.name}_{i}")
        for i, (source, tap) in enumerate(cuts)
    ]


def _depends_only_on(source, tap, model):
    """Returns whether every path to `tap` passes through `source`."""
    inputs_of = {}
    for layer in model.layers:
        try:
            inputs = keras.tree.flatten(layer.input)
            outputs = keras.tree.flatten(layer.output)
        except (AttributeError, ValueError):
            continue  # A layer that is called several times.
        inputs_of |= {id(output): (layer, inputs) for output in outputs}
    pending, seen = [tap], set()
    while pending:
        tensor = pending.pop()
        if tensor is source or id(tensor) in seen:
            continue
        seen.add(id(tensor))
        layer, inputs = inputs_of.get(id(tensor), (None, ()))
        if layer is None or isinstance(layer, keras.layers.InputLayer):
            return False
        pending += inputs
    return True


def load_named_backbone(
    net: str, version: str, dtype, weights: str, seed
) -> tuple:
    """Builds a named backbone with pretrained or random weights.

    Args:
        net: name of a backbone.
        version: version of LPIPS.
        dtype: dtype policy.
        weights: "imagenet" or "random".
        seed: seed of random weights.

    Returns:
        The model, and whether its weights are missing: they are NaN while a
        layer is restored from its configuration and the cache has no file.
    """
    if weights == "random":
        return build_backbone(net, dtype, seed, version=version), False
    load = cached_backbone if is_restoring_from_config() else fetch_backbone
    arrays = load(net, version)
    backbone = build_backbone_from_arrays(net, arrays, dtype, version)
    return backbone, arrays is None
