r"""Trains LPIPS on judgements.

    python -m training.train --recipe alex/lin --data-dir DATA \
        --output runs/alex-lin

`training.recipes` lists the recipes. The same command goes on with a run that
was stopped, and leaves a finished one as it is. Several machines work on one
run when each has `TF_CONFIG` and sees the same `--output`.
"""

import dataclasses
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass

import simple_parsing

from pipelines.program import parse, run
from training.data.batches import RecordSource
from training.data.dataset import judge_meaning, open_prepared, sources_of
from training.data.vectors import (
    VectorFiles,
    check_description,
    describe_vectors,
    make_vectors,
)
from training.model.optimizer import make_optimizer
from training.model.triplet_model import TripletModel
from training.recipes import (
    GLOBAL_BATCH_SIZE,
    PRECISIONS,
    RECIPES,
    find_recipe,
)
from training.run import checkpoint, run_folder
from training.run.devices import is_chief, make_strategy, worker_name
from training.run.loop import Loop
from training.run.run_folder import is_written
from training.run.schedule import SCHEDULES, learning_rates

# Besides the checkpoint and its successor there are weights and logs.
SPACE_FACTOR = 3
# Settings on which the result does not depend.
NOT_OF_THE_RESULT = ("data_dir", "output", "vectors", "checkpoint_seconds")


@dataclass(frozen=True)
class Settings:
    """What to train, on what, and where the run is kept."""

    data_dir: str
    """Folder of the prepared datasets."""
    output: str
    """Folder of the run."""
    recipe: str = simple_parsing.choice(*sorted(RECIPES), default="alex/lin")
    """Which recipe."""
    config: str = "twoafc_64"
    """Configuration of the dataset."""
    vectors: str = ""
    """Folder of vectors from `training.precompute`; lin-fast makes its own."""
    taps: list[str] = simple_parsing.list_field()
    """Layers to compare in place of the net's own taps, by name."""
    distance_only: bool = False
    """A scaled difference of the distances in place of the ranking head."""
    schedule: str = simple_parsing.choice(*SCHEDULES, default="reference")
    """Six epochs at the full rate as the authors' code, or literally five."""
    epochs: int = 0
    """Stops after so many epochs; 0 for all of the schedule."""
    batch_size: int = GLOBAL_BATCH_SIZE
    """Triplets in a batch, over all replicas together."""
    seed: int = 0
    """Seed of weights, orders and dropout."""
    precision: str = simple_parsing.choice(*PRECISIONS, default="float32")
    """Precision of the backbone."""
    jit: bool = False
    """Compiles the steps with XLA; one device only."""
    checkpoint_seconds: float = 60.0
    """How often the state is saved within an epoch."""


def main(argv: Sequence[str] | None = None) -> int:
    """Parses the command line and trains; returns the exit status."""
    settings = parse("train", __doc__, Settings, argv)

    def work():
        # Before anything else computes: several workers need it so.
        strategy = make_strategy(settings.jit)
        train(settings, strategy)

    return run("train", work, "the same command goes on", ValueError)


def train(settings: Settings, strategy, callbacks=()) -> TripletModel:
    """Trains, from the start or from where the run was stopped.

    Args:
        settings: the user's wishes.
        strategy: see `training.run.devices.make_strategy`.
        callbacks: Keras callbacks; see `Loop.train`. Defaults to none.

    Returns:
        The trained model.
    """
    recipe = find_recipe(settings.recipe)
    builder = open_prepared(settings.data_dir, settings.config)
    sources = {
        name: RecordSource(builder, splits)
        for name, splits in sources_of(builder).items()
    }
    if settings.vectors and not recipe.on_vectors:
        raise ValueError(
            f"--vectors are for lin-fast, not for {settings.recipe}"
        )
    with strategy.scope():
        model = TripletModel(
            recipe,
            settings.seed,
            settings.precision,
            settings.distance_only,
            settings.taps or None,
        )
        optimizer = make_optimizer()
        optimizer.build(model.trainable_variables)
    if settings.vectors:
        about = describe_vectors(model, settings.precision, builder)
        check_description(settings.vectors, about)
        sources = {
            name: VectorFiles(settings.vectors, name).read(len(source))
            for name, source in sources.items()
        }
    else:
        for source in sources.values():
            source.check()
    chief = is_chief()
    folder = run_folder.open_folder(
        settings.output,
        _of_the_result(settings),
        recipe.net,
        builder,
        judge_meaning(builder),
        chief,
    )
    with strategy.scope():
        progress = checkpoint.restore(folder, model, optimizer)
    rates = learning_rates(settings.schedule)[: settings.epochs or None]
    if len(progress.history) == len(rates) and is_written(folder, model):
        if chief:
            print(
                f"train: {folder} holds this run, finished with epoch "
                f"{len(rates)}: {run_folder.WEIGHTS}, {run_folder.HISTORY}, "
                f"{run_folder.CURVES}"
            )
        return model
    run_folder.check_space(
        folder, SPACE_FACTOR * checkpoint.nbytes(model, optimizer)
    )
    if recipe.on_vectors and not settings.vectors:
        # Each worker makes its own: they are read at random.
        where = folder if chief else folder / worker_name()
        where.mkdir(exist_ok=True)
        sources = {
            name: make_vectors(model, source, VectorFiles(where, name))
            for name, source in sources.items()
        }
    train_source = sources.pop("train")
    loop = Loop(strategy, model, optimizer, settings.batch_size, settings.jit)
    saved = time.monotonic()

    def save(epoch_ended):
        nonlocal saved
        due = time.monotonic() - saved >= settings.checkpoint_seconds
        if not chief or not (epoch_ended or due):
            return
        checkpoint.save(folder, model, optimizer, progress)
        if epoch_ended:
            run_folder.write_epoch(folder, model, progress.history)
            print(f"train: {_sentence(progress.history[-1])}")
        saved = time.monotonic()

    def validate():
        logs = {}
        for name, part in sources.items():
            subset = name.removeprefix("val_")
            loss, score = loop.validate(part)
            logs |= {f"{subset}_loss": loss, f"{subset}_2afc": score}
        return logs

    loop.train(
        train_source,
        rates,
        settings.seed,
        progress,
        validate,
        save,
        list(callbacks),
    )
    if chief and progress.history and not is_written(folder, model):
        # A run that was killed between two files of its last epoch.
        run_folder.write_epoch(folder, model, progress.history)
    return model


def _of_the_result(settings):
    return {
        name: value
        for name, value in dataclasses.asdict(settings).items()
        if name not in NOT_OF_THE_RESULT
    }


def _sentence(logs):
    scores = ", ".join(
        f"{name.removesuffix('_2afc')} {value:.2f} %"
        for name, value in logs.items()
        if name.endswith("_2afc")
    )
    return (
        f"epoch {logs['epoch']}: loss {logs['loss']:.4f}, "
        f"{logs['triplets_per_second']:.0f} triplets/s, "
        + (f"2AFC {scores}" if scores else "no val part to score")
    )


if __name__ == "__main__":
    sys.exit(main())
