"""A trained run as an `LPIPS` layer."""

import json
from pathlib import Path

from keras_lpips.layer import LPIPS
from keras_lpips.weights.arrays import WeightsError, check_keys, read_npz
from training.recipes import find_recipe
from training.run_folder import SETTINGS, WEIGHTS


def trained_layer(folder) -> LPIPS:
    """Returns the metric that a run of `training.train` has learnt.

    Args:
        folder: the run's folder.

    Returns:
        A frozen layer of `value_range=(0, 255)` in float32.

    Raises:
        WeightsError: if the folder holds no run with a finished epoch.
    """
    folder = Path(folder)
    try:
        settings = json.loads((folder / SETTINGS).read_text())["settings"]
        arrays = read_npz(folder / WEIGHTS)
    except (FileNotFoundError, KeyError, json.JSONDecodeError):
        raise WeightsError(
            f"{folder} holds no run of training.train with a finished epoch"
        ) from None
    recipe = find_recipe(settings["recipe"])
    lpips = LPIPS(
        recipe.net,
        value_range=(0, 255),
        trunk_weights=recipe.trunk_weights,
        head_weights="random",
        seed=0,
        dtype="float32",
    )
    variables = {
        f"heads/{tap}/kernel": head.kernel
        for tap, head in zip(lpips.taps, lpips.heads, strict=True)
    }
    if recipe.trainable_trunk:
        variables |= {
            f"trunk/{layer.name}/{variable.name}": variable
            for layer in lpips.trunk.layers
            for variable in layer.weights
        }
    arrays = {
        name: array
        for name, array in arrays.items()
        if not name.startswith("ranking_head/")
    }
    shapes = {name: variable.shape for name, variable in variables.items()}
    check_keys(arrays, shapes, str(folder / WEIGHTS))
    for name, variable in variables.items():
        variable.assign(arrays[name])
    return lpips
