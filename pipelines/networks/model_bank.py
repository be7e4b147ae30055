"""Saves a bank of trained networks, and loads them as distortions.

`cnn_NNN.json` holds a network's settings, the losses of its training and the
digest of the `.npz` beside it, the weights by name. A bank contains no code.
"""

import dataclasses
import io
import json
from typing import Any

import keras
import numpy as np
from etils import epath

from keras_lpips.inference.jit import compile_function
from keras_lpips.layers.normalization import to_signed_unit
from keras_lpips_cli.errors import UserError
from keras_lpips_cli.state_files import parse_state
from pipelines.distortions.distortion import Distortion, to_uint8
from pipelines.execution import digest_bytes
from pipelines.filesystems import write_bytes
from pipelines.networks.corruption import corrupt
from pipelines.networks.generator import make_generator
from pipelines.networks.settings import NetworkSettings

# The key of the weights' digest.
DIGEST = "weights_sha256"


def save_network(
    folder: epath.PathLike,
    name: str,
    settings: NetworkSettings,
    generator: keras.Model,
    training: dict,
) -> None:
    """Adds a network to a bank; its settings are written last.

    Args:
        folder: folder of the bank.
        name: name of the network, "cnn_003".
        settings: settings of the network.
        generator: its model.
        training: a record of its training, for JSON.
    """
    folder = epath.Path(folder)
    weights: dict[str, Any] = {
        x.path: np.asarray(x.value) for x in generator.weights
    }
    file = io.BytesIO()
    np.savez(file, **weights)  # type: ignore[arg-type]
    write_bytes(str(folder / f"{name}.npz"), file.getvalue())
    record = {
        "settings": dataclasses.asdict(settings),
        "training": training,
        DIGEST: digest_bytes(file.getvalue()),
    }
    text = json.dumps(record, indent=1) + "\n"
    write_bytes(str(folder / f"{name}.json"), text.encode())


def is_saved(folder: epath.PathLike, name: str) -> bool:
    """Returns whether a bank holds a network and its weights are unchanged.

    Raises:
        UserError: its settings are damaged.
    """
    path = epath.Path(folder) / f"{name}.json"
    return path.exists() and _weights(path, _record(path)) is not None


def _record(path):
    return parse_state(path.read_bytes(), path)


def _weights(path, record):
    """Returns the bytes of the weights; `None` if missing or changed."""
    path = path.with_suffix(".npz")
    data = path.read_bytes() if path.exists() else b""
    # Banks of version 0.1.0 hold no digest.
    expected = record.get(DIGEST, digest_bytes(data))
    return data if data and digest_bytes(data) == expected else None


def load_bank(folder: epath.PathLike) -> tuple[Distortion, ...]:
    """Returns the networks of a bank as types of distortion, in order.

    Raises:
        UserError: the folder holds none, or a network's weights are not
            those of its settings.
    """
    paths = sorted(epath.Path(folder).glob("*.json"))
    if not paths:
        raise UserError(f"{folder} holds no networks.")
    return tuple(map(_load, paths))


def as_distortion(
    name: str, settings: NetworkSettings, generator: keras.Model
) -> Distortion:
    """Returns a network as a distortion.

    The input is corrupted as in training. The strength is the weight of the
    network's output in a blend with the image.
    """
    run = compile_function(
        lambda x: generator(x, training=False), generator.variables
    )

    def function(image, strength, rng):
        height, width = image.shape[:2]
        margins = [-side % settings.multiple for side in (height, width)]
        padded = np.pad(
            image, [(0, margins[0]), (0, margins[1]), (0, 0)], "reflect"
        )
        corrupted = corrupt(padded, settings.corruption, rng)
        scaled = to_signed_unit(corrupted)[None]
        output = np.asarray(run(scaled))[0, :height, :width]
        output = (output.astype(np.float64) + 1) * 127.5
        return to_uint8((1 - strength) * image + strength * output)

    return Distortion(name, settings.group, function)


def _load(path):
    record = _record(path)
    try:
        settings = NetworkSettings(**record["settings"])
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(f"{path} is no network: {error}") from None
    data = _weights(path, record)
    try:
        with np.load(io.BytesIO(data or b""), allow_pickle=False) as weights:
            values = dict(weights)
    # zipfile and NumPy raise many exceptions for damaged archives.
    except Exception:
        raise UserError(
            f"{path.with_suffix('.npz')} is missing, or differs from its digest"
            f" in {path.name}; pipelines.train_networks trains it again"
        ) from None
    generator = make_generator(settings)
    shapes = {x.path: tuple(x.shape) for x in generator.weights}
    found = {name: value.shape for name, value in values.items()}
    if shapes != found:
        different = sorted(set(shapes.items()) ^ set(found.items()))
        raise UserError(f"{path}: the weights do not fit: {different[:4]}")
    for variable in generator.weights:
        variable.assign(values[variable.path])
    return as_distortion(path.stem, settings, generator)
