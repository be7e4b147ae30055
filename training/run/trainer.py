"""Trains a run from its configuration: data, model, loop and run folder."""

import dataclasses
import time
from collections.abc import Mapping
from pathlib import Path

from training.configs import TrainConfig
from training.data.batches import RecordSource, VectorSource
from training.data.dataset import group_splits, judgement_origin, open_prepared
from training.data.vectors import (
    VectorFiles,
    check_description,
    describe_vectors,
    make_vectors,
)
from training.model.optimizer import learning_rates, make_optimizer
from training.model.triplet_model import TripletModel
from training.recipes import find_recipe
from training.run import checkpoint, run_folder
from training.run.devices import is_chief, worker_name
from training.run.loop import Loop

# Space for the checkpoint, its successor, and weights with logs.
SPACE_FACTOR = 3
# Settings that do not affect the result.
IRRELEVANT_SETTINGS = ("data_dir", "output", "vectors", "checkpoint_seconds")


def train(config: TrainConfig, strategy, callbacks=()) -> TripletModel:
    """Trains a run from the start or from its checkpoint.

    Args:
        config: the settings.
        strategy: see `training.run.devices.make_strategy`.
        callbacks: Keras callbacks; see `Loop.train`. Defaults to none.

    Returns:
        The trained model.

    Raises:
        UserError: if data, vectors or the run's folder cannot be used.
    """
    recipe = find_recipe(config.recipe)
    builder = open_prepared(config.data_dir, config.config)
    records = {
        name: RecordSource(builder, splits)
        for name, splits in group_splits(builder).items()
    }
    sources: Mapping[str, RecordSource | VectorSource]
    with strategy.scope():
        model = TripletModel(
            recipe,
            config.seed,
            config.precision,
            config.distance_only,
            config.taps,
        )
        optimizer = make_optimizer()
        optimizer.build(model.trainable_variables)
    if config.vectors:
        description = describe_vectors(model, config.precision, builder)
        check_description(config.vectors, description)
        sources = {
            name: VectorFiles(config.vectors, name).read(len(source))
            for name, source in records.items()
        }
    else:
        sources = records
        for source in records.values():
            source.check()
    chief = is_chief()
    folder = run_folder.open_folder(
        config.output,
        _result_settings(config),
        recipe.net,
        builder,
        judgement_origin(builder),
        chief,
    )
    with strategy.scope():
        progress = checkpoint.restore(folder, model, optimizer)
    rates = learning_rates(config.schedule)[: config.epochs or None]
    if len(progress.history) == len(rates) and run_folder.is_written(
        folder, model
    ):
        if chief:
            print(
                f"training.train: {folder} already holds this run, finished "
                f"with epoch {len(rates)}: {run_folder.WEIGHTS}, "
                f"{run_folder.HISTORY}, {run_folder.CURVES}"
            )
        return model
    run_folder.check_space(
        folder, SPACE_FACTOR * checkpoint.nbytes(model, optimizer)
    )
    if recipe.on_vectors and not config.vectors:
        sources = _own_vectors(model, records, folder, chief)
    loop = Loop(strategy, model, optimizer, config.batch_size, config.jit)
    saved = time.monotonic()

    def save(epoch_ended):
        nonlocal saved
        due = time.monotonic() - saved >= config.checkpoint_seconds
        if not chief or not (epoch_ended or due):
            return
        checkpoint.save(folder, model, optimizer, progress)
        if epoch_ended:
            run_folder.write_epoch(folder, model, progress.history)
            print(f"training.train: {_summary(progress.history[-1])}")
        saved = time.monotonic()

    def validate():
        logs = {}
        for name, source in sources.items():
            if name == "train":
                continue
            subset = name.removeprefix("val_")
            loss, score = loop.validate(source)
            logs |= {f"{subset}_loss": loss, f"{subset}_2afc": score}
        return logs

    loop.train(
        sources["train"],
        rates,
        config.seed,
        progress,
        validate,
        save,
        list(callbacks),
    )
    if chief and progress.history and not run_folder.is_written(folder, model):
        # The run was killed between two files of its last epoch.
        run_folder.write_epoch(folder, model, progress.history)
    return model


def _own_vectors(
    model: TripletModel, sources: dict, folder: Path, chief: bool
) -> dict:
    """Returns the sources' vectors, which each worker computes for itself.

    Random access to other workers' disks would be too slow.
    """
    own = folder if chief else folder / worker_name()
    own.mkdir(exist_ok=True)
    return {
        name: make_vectors(model, source, VectorFiles(own, name))
        for name, source in sources.items()
    }


def _result_settings(config):
    """Returns the settings that the result depends on, as JSON holds them."""
    settings = dataclasses.asdict(config) | {"taps": list(config.taps)}
    return {
        name: value
        for name, value in settings.items()
        if name not in IRRELEVANT_SETTINGS
    }


def _summary(logs):
    scores = ", ".join(
        f"{name.removesuffix('_2afc')} {value:.2f} %"
        for name, value in logs.items()
        if name.endswith("_2afc")
    )
    return (
        f"epoch {logs['epoch']}: loss {logs['loss']:.4f}, "
        f"{logs['triplets_per_second']:.0f} triplets/s, "
        + (f"2AFC {scores}" if scores else "no val split to score")
    )
