"""The folder of a run: settings, weights, history, curves, TensorBoard logs.

TFDS is not imported, so that an export can read a run without it.
"""

import hashlib
import shutil
import subprocess
import tempfile
from importlib import metadata
from pathlib import Path

import numpy as np
import tensorflow as tf

from keras_lpips.atomic_files import (
    atomic_path,
    remove_partial,
    write_csv,
    write_json,
)
from keras_lpips.inference.provenance import describe
from keras_lpips.weights.npz import (
    WeightsError,
    content_digest,
    read_npz,
    write_npz,
)
from keras_lpips_cli.errors import UserError
from keras_lpips_cli.state_files import read_state
from training.data.fingerprint import identify
from training.model.triplet_model import TripletModel, named_weights

SETTINGS, WEIGHTS, HISTORY = "settings.json", "weights.npz", "history.csv"
CURVES, LOGS = "curves.png", "tensorboard"
# Written last.
DIGEST = "weights.sha256"
# Bytes written and removed again, to detect a read-only folder.
PROBE_BYTES = 4096


class RunError(UserError):
    """A run cannot start or resume in its folder."""


def open_folder(
    path, settings: dict, net: str, data, judgements: str, chief: bool
) -> Path:
    """Creates a run's folder, or validates that it holds the same run.

    Args:
        path: the folder.
        settings: the settings that the result depends on, as JSON.
        net: name of the backbone.
        data: TFDS builder of the judgements.
        judgements: origin of the judgements; "" if people made them.
        chief: whether this process writes.

    Raises:
        RunError: if the folder holds another run, or one on other data, or
            cannot be written.
    """
    path = Path(path)
    wanted = {"settings": settings, **identify(data)}
    try:
        path.mkdir(parents=True, exist_ok=True)
        if chief:
            remove_partial(path)
        if (path / SETTINGS).exists():
            _check_same(path, wanted, data)
        elif any(path.iterdir()) and chief:
            raise RunError(f"{path} is not empty and holds no run")
        elif chief:
            about = describe(net, "0.1", False)
            about["metric"] = "LPIPS, trained by training.train"
            write_json(
                path / SETTINGS,
                {
                    **wanted,
                    "about": {
                        **about,
                        "tensorflow": tf.__version__,
                        "tensorflow_datasets": metadata.version(
                            "tensorflow-datasets"
                        ),
                        "judgements": judgements or None,
                        "git_revision": _git_revision(),
                    },
                },
            )
    except OSError as error:
        raise RunError(f"{path} cannot be written: {error.strerror}") from None
    return path


def _check_same(path, wanted, data):
    held = read_state(path / SETTINGS)
    settings, held_settings = wanted["settings"], held.get("settings", {})
    other = sorted(
        name
        for name in {*settings, *held_settings}
        if settings.get(name) != held_settings.get(name)
    )
    if other:
        raise RunError(
            f"{path} holds a run of other settings ({', '.join(other)}); give "
            "another --output, or remove it"
        )
    if any(held.get(key) != wanted[key] for key in ("data", "data_digest")):
        raise RunError(
            f"{path} holds a run on other data than {data.data_dir}; give "
            "another --output, or remove it"
        )


def check_space(path: Path, needed: int) -> None:
    """Raises `RunError` unless `needed` bytes are free and writable."""
    try:
        with tempfile.TemporaryFile(dir=path, buffering=0) as probe:
            probe.write(bytes(PROBE_BYTES))
    except OSError as error:
        raise RunError(f"{path} cannot be written: {error.strerror}") from None
    free = shutil.disk_usage(path).free
    if free < needed:
        raise RunError(
            f"{path} needs {needed / 1e6:.2f} MB of disk space and has "
            f"{free / 1e6:.2f} MB"
        )


def write_epoch(path: Path, model: TripletModel, history: list[dict]) -> None:
    """Writes weights, history, curves and logs after an epoch.

    Args:
        path: the run's folder.
        model: the `TripletModel`.
        history: one dictionary of numbers per epoch.
    """
    weights = _weights(model)
    write_npz(path / WEIGHTS, weights)
    columns = list(history[-1])
    write_csv(
        path / HISTORY,
        columns,
        [[row[column] for column in columns] for row in history],
    )
    _write_curves(path / CURVES, history)
    _write_logs(path / LOGS, history[-1])
    with atomic_path(path / DIGEST) as partial:
        partial.write_text(_digests(path, content_digest(weights)))


def is_written(path: Path, model: TripletModel) -> bool:
    """Returns whether the files of `write_epoch` are whole, and a model's."""
    weights_digest = content_digest(_weights(model))
    try:
        return (path / DIGEST).read_bytes().decode(
            errors="replace"
        ) == _digests(path, weights_digest) and content_digest(
            read_npz(path / WEIGHTS)
        ) == weights_digest
    except (FileNotFoundError, WeightsError):
        return False


def _digests(path, weights_digest):
    """Returns the lines of `DIGEST`: of the weights, history and curves."""
    lines = [f"{weights_digest}  {WEIGHTS}"]
    for name in (HISTORY, CURVES):
        digest = hashlib.sha256((path / name).read_bytes()).hexdigest()
        lines.append(f"{digest}  {name}")
    return "".join(f"{line}\n" for line in lines)


def _weights(model):
    return {
        name: np.asarray(variable)
        for name, variable in named_weights(model).items()
    }


def _write_curves(path, history):
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.6), dpi=120, layout="constrained")
    left, right = figure.subplots(1, 2)
    epochs = [row["epoch"] for row in history]
    for name in history[-1]:
        values = [row[name] for row in history]
        if name == "loss" or name.endswith("_loss"):
            left.plot(epochs, values, marker=".", label=name)
        elif name.endswith("_2afc"):
            right.plot(epochs, values, marker=".", label=name)
    for axis, label in ((left, "cross-entropy"), (right, "2AFC score, %")):
        axis.set_xlabel("epoch")
        axis.set_ylabel(label)
        axis.grid(alpha=0.3)
        if axis.has_data():
            axis.legend(fontsize=7)
    with atomic_path(path) as partial:
        figure.savefig(partial)


def _write_logs(folder, logs):
    writer = tf.summary.create_file_writer(str(folder))
    with writer.as_default(step=logs["epoch"]):
        for name, value in logs.items():
            if name != "epoch":
                tf.summary.scalar(name, value)
    writer.close()


def _git_revision():
    try:
        done = subprocess.run(
            ["git", "rev-parse", "HEAD"],
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
        )
    except OSError:
        return None
    return done.stdout.strip() or None
