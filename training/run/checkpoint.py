"""Saves and restores the state of a run.

One file holds model, optimizer, step and history. Dropout masks and orders
depend on seed and step alone.
"""

import json
from dataclasses import dataclass, field
from pathlib import Path

import keras
import numpy as np

from keras_lpips.weights.npz import (
    WeightsError,
    check_keys,
    read_npz,
    write_npz,
)
from keras_lpips_cli.state_files import parse_state
from training.model.triplet_model import TripletModel, named_weights

FILE = "checkpoint.npz"


@dataclass
class Progress:
    """The position of a run.

    Attributes:
        step: finished steps, over all epochs.
        loss_sum: sum of the current epoch's losses.
        history: one dictionary of numbers per finished epoch.
    """

    step: int = 0
    loss_sum: float = 0.0
    history: list[dict] = field(default_factory=list)


def save(
    folder: Path,
    model: TripletModel,
    optimizer: keras.optimizers.Optimizer,
    progress: Progress,
) -> None:
    """Writes the state of a run into its folder."""
    arrays = {
        name: np.asarray(variable)
        for name, variable in _variables(model, optimizer).items()
    }
    # As bytes, because the .npz holds only numbers.
    arrays["progress"] = np.frombuffer(
        json.dumps(vars(progress)).encode(), np.uint8
    )
    write_npz(folder / FILE, arrays)


def restore(
    folder: Path, model: TripletModel, optimizer: keras.optimizers.Optimizer
) -> Progress:
    """Restores the state of a run from its folder, if there is any.

    Returns:
        The run's position, the start if there is no checkpoint.
    """
    try:
        arrays = read_npz(folder / FILE)
    except FileNotFoundError:
        return Progress()
    try:
        content = arrays.pop("progress").tobytes()
        progress = Progress(**parse_state(content, folder / FILE))
    except (KeyError, TypeError):
        raise WeightsError(
            f"{folder / FILE} is damaged: it holds no position of a run"
        ) from None
    variables = _variables(model, optimizer)
    shapes = {name: variable.shape for name, variable in variables.items()}
    check_keys(arrays, shapes, f"{folder / FILE}")
    for name, variable in variables.items():
        variable.assign(arrays[name])
    return progress


def nbytes(model: TripletModel, optimizer: keras.optimizers.Optimizer) -> int:
    """Returns the approximate size of a checkpoint."""
    return sum(
        4 * int(np.prod(variable.shape))
        for variable in _variables(model, optimizer).values()
    )


def _variables(model, optimizer):
    return {
        **named_weights(model),
        **{
            f"optimizer/{i}": variable
            for i, variable in enumerate(optimizer.variables)
        },
    }
