"""Computes the vectors of a dataset with Beam; see `training.data.vectors`."""

import functools
import io
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from keras_lpips.atomic_files import atomic_path, open_atomic, write_json
from pipelines.execution import (
    FILES,
    digest_bytes,
    forget_damaged,
    run_tasks,
)
from training.configs import PrecomputeConfig
from training.data.batches import RecordSource
from training.data.dataset import group_splits, open_prepared
from training.data.vectors import (
    DESCRIPTION,
    VectorFiles,
    check_description,
    describe_vectors,
    embed,
)
from training.model.triplet_model import TripletModel
from training.recipes import find_recipe

# Folder of the tasks' results, inside the output's.
PARTS = "parts"


def precompute(config: PrecomputeConfig, options=None) -> None:
    """Computes the vectors of all sources of a dataset.

    Args:
        config: the settings.
        options: Beam's options. Defaults to its runner in this process.

    Raises:
        DataError: if the data cannot be used, or the folder holds vectors of
            something else.
        TasksFailedError: if tasks are not done.
    """
    builder = open_prepared(config.data_dir, config.config)
    load_model = functools.partial(
        make_model, config.recipe, config.precision, config.taps
    )
    sources = group_splits(builder)
    output = config.output
    description = describe_vectors(load_model(), config.precision, builder)
    resumed = (output / DESCRIPTION).exists()
    if resumed:
        check_description(output, description)
    missing = {}
    for name, splits in sources.items():
        source = RecordSource(builder, splits)
        if not VectorFiles(output, name).is_whole(len(source)):
            source.check()
            missing[name] = len(source)
    parts = output / PARTS
    parts.mkdir(parents=True, exist_ok=True)
    if not resumed:
        write_json(output / DESCRIPTION, description)
    size = config.triplets_per_task
    tasks = {
        name: [
            EmbedTask(
                str(config.data_dir),
                config.config,
                tuple(sources[name]),
                first,
                min(first + size, count),
                str(parts / f"{name}-{size}-{first:09}.npz"),
            )
            for first in range(0, count, size)
        ]
        for name, count in missing.items()
    }
    all_tasks = [task for part in tasks.values() for task in part]
    forget_damaged(all_tasks)
    run_tasks(
        all_tasks,
        embed_task,
        options,
        load=load_model,
    )
    for name, part in tasks.items():
        _join(part, VectorFiles(output, name))
    shutil.rmtree(parts)
    print(
        f"training.precompute: {output} holds the vectors of "
        f"{', '.join(sources)}"
    )


def make_model(
    recipe: str, precision: str, taps: tuple[str, ...]
) -> TripletModel:
    """Returns the model that computes the vectors.

    Args:
        recipe: name of the recipe.
        precision: dtype policy of the backbone.
        taps: names of the layers to compare; empty for the net's own taps.
    """
    return TripletModel(find_recipe(recipe), 0, precision, taps=taps)


@dataclass(frozen=True)
class EmbedTask:
    """A range of a source's triplets, whose vectors are one Beam task.

    Attributes:
        data_dir: folder of the prepared datasets.
        config: configuration of the dataset.
        splits: names of the splits of the source.
        first: index of its first triplet.
        last: index after its last triplet.
        path: the `.npz` file of vectors, float32 `(triplets, 2, channels)`,
            and judges, float32 `(triplets,)`.
    """

    data_dir: str
    config: str
    splits: tuple[str, ...]
    first: int
    last: int
    path: str

    @property
    def report_path(self) -> str:
        """The file whose existence marks the task as done."""
        return f"{self.path}.json"


def embed_task(task: EmbedTask, model: TripletModel) -> dict:
    """Writes a task's vectors and judges; returns the report."""
    source = RecordSource(
        open_prepared(task.data_dir, task.config), task.splits
    )
    batches = list(embed(model, source, task.first, task.last))
    content = io.BytesIO()
    np.savez(
        content,
        vectors=np.concatenate([vectors for _, vectors, _ in batches]),
        judge=np.concatenate([judge for *_, judge in batches]),
    )
    with open_atomic(task.path) as file:
        file.write(content.getbuffer())
    digest = digest_bytes(content.getbuffer())
    return {
        "triplets": task.last - task.first,
        FILES: {Path(task.path).name: digest},
    }


def _join(tasks: Sequence[EmbedTask], files: VectorFiles) -> None:
    """Joins the tasks' files into the files that training reads."""
    count = tasks[-1].last
    with np.load(tasks[0].path) as part:
        shape = (count, *part["vectors"].shape[1:])
    judge = np.empty(count, np.float32)
    with atomic_path(files.vectors) as partial:
        vectors = np.lib.format.open_memmap(partial, "w+", np.float32, shape)
        for task in tasks:
            with np.load(task.path) as part:
                vectors[task.first : task.last] = part["vectors"]
                judge[task.first : task.last] = part["judge"]
        vectors.flush()
    with atomic_path(files.judge) as partial:
        np.save(partial, judge)
    files.finish(count)
