"""The state of a run in one file that appears whole or not at all.

Masks and orders follow from seed and step, so model, optimiser, step and what
was measured are all the state there is.
"""

import json
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from keras_lpips.weights.npz import check_keys, read_npz, write_npz
from training.model.triplet_model import named_weights

FILE = "checkpoint.npz"


@dataclass
class Progress:
    """Where a run is.

    Attributes:
        step: steps that are done, over all epochs.
        loss_sum: sum of this epoch's losses so far.
        history: one dictionary of numbers per finished epoch.
    """

    step: int = 0
    loss_sum: float = 0.0
    history: list = field(default_factory=list)


def save(folder, model, optimizer, progress: Progress) -> None:
    """Writes the state of a run into its folder."""
    arrays = {
        name: np.asarray(variable)
        for name, variable in _variables(model, optimizer).items()
    }
    # As bytes: the files of weights hold numbers only.
    arrays["progress"] = np.frombuffer(
        json.dumps(vars(progress)).encode(), np.uint8
    )
    write_npz(Path(folder) / FILE, arrays)


def restore(folder, model, optimizer) -> Progress:
    """Sets the state of a run from its folder, if it has been saved.

    Returns:
        Where the run is; the start where nothing was saved.
    """
    try:
        arrays = read_npz(Path(folder) / FILE)
    except FileNotFoundError:
        return Progress()
    progress = Progress(**json.loads(arrays.pop("progress").tobytes()))
    variables = _variables(model, optimizer)
    shapes = {name: variable.shape for name, variable in variables.items()}
    check_keys(arrays, shapes, f"{Path(folder) / FILE}")
    for name, variable in variables.items():
        variable.assign(arrays[name])
    return progress


def nbytes(model, optimizer) -> int:
    """Returns about how large a checkpoint is."""
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
