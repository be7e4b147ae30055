r"""Makes the vectors that `lin-fast` trains on, with Beam: for large data.

    python -m training.precompute --recipe alex/lin-fast --data-dir DATA \
        --output VECTORS -- \
        --direct_running_mode=multi_processing --direct_num_workers=8
    python -m training.train --recipe alex/lin-fast --data-dir DATA \
        --vectors VECTORS --output runs/alex-lin-fast

Beam's options follow `--`; on a cluster, data and output lie where all
workers see them. The vectors are those that `training.train` makes itself
without `--vectors`, and serve any number of runs. A repeated command goes on.
"""

import logging
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import simple_parsing

from keras_lpips.atomic_files import replacing, write_json
from pipelines.beam_options import parse_with_beam
from pipelines.execution import perform_all
from pipelines.program import run
from tfds_bapps.source.errors import PreparationError
from training.data.batches import RecordSource
from training.data.dataset import open_prepared, sources_of
from training.data.vectors import (
    DESCRIPTION,
    VectorFiles,
    check_description,
    describe_vectors,
)
from training.precompute_task import Embedder, EmbedTask, make_model
from training.recipes import PRECISIONS, RECIPES

PARTS = "parts"


@dataclass(frozen=True)
class Settings:
    """Whose vectors are made, and where they are kept."""

    data_dir: str
    """Folder of the prepared datasets."""
    output: str
    """Folder of the vectors."""
    recipe: str = simple_parsing.choice(
        *sorted(name for name in RECIPES if RECIPES[name].on_vectors),
        default="alex/lin-fast",
    )
    """Which recipe they are for."""
    config: str = "twoafc_64"
    """Configuration of the dataset."""
    taps: list[str] = simple_parsing.list_field()
    """Layers to compare in place of the net's own taps, by name."""
    precision: str = simple_parsing.choice(*PRECISIONS, default="float32")
    """Precision of the backbone."""
    triplets_per_task: int = 2000
    """Triplets that a worker embeds at a time."""

    def __post_init__(self):
        """Refuses what is no count."""
        if self.triplets_per_task < 1:
            raise ValueError("--triplets-per-task must be positive")


def main(argv: Sequence[str] | None = None) -> int:
    """Parses the command line and embeds; returns the exit status."""
    settings, options = parse_with_beam("embed", __doc__, Settings, argv)
    return run(
        "embed",
        lambda: make(settings, options),
        "the same command goes on",
        PreparationError,
        ValueError,
    )


def make(settings: Settings, options=None) -> None:
    """Makes the vectors of all sources of a dataset.

    Args:
        settings: the user's wishes.
        options: Beam's options. Defaults to its runner in this process.

    Raises:
        DataError: if the data cannot be used, or the folder holds vectors of
            something else.
        PreparationError: if workers fail again and again.
    """
    builder = open_prepared(settings.data_dir, settings.config)
    embedder = Embedder(
        settings.recipe, settings.precision, tuple(settings.taps)
    )
    sources = sources_of(builder)
    output = Path(settings.output)
    about = describe_vectors(make_model(embedder), settings.precision, builder)
    begun = (output / DESCRIPTION).exists()
    if begun:
        check_description(output, about)
    missing = {}
    for name, splits in sources.items():
        source = RecordSource(builder, splits)
        if VectorFiles(output, name).count_done() != len(source):
            source.check()
            missing[name] = len(source)
    parts = output / PARTS
    parts.mkdir(parents=True, exist_ok=True)
    if not begun:
        write_json(output / DESCRIPTION, about)
    size = settings.triplets_per_task
    tasks = {
        name: [
            EmbedTask(
                embedder,
                settings.data_dir,
                settings.config,
                tuple(sources[name]),
                first,
                min(first + size, count),
                str(parts / f"{name}-{size}-{first:09}.npz"),
            )
            for first in range(0, count, size)
        ]
        for name, count in missing.items()
    }
    perform_all([x for part in tasks.values() for x in part], options)
    for name, part in tasks.items():
        _join(part, VectorFiles(output, name))
    shutil.rmtree(parts)
    print(f"embed: {output} holds the vectors of {', '.join(sources)}")


def _join(tasks, files):
    """Joins the tasks' files into those that training reads."""
    count = tasks[-1].last
    with np.load(tasks[0].path) as part:
        shape = (count, *part["vectors"].shape[1:])
    judge = np.empty(count, np.float32)
    with replacing(files.vectors) as partial:
        vectors = np.lib.format.open_memmap(partial, "w+", np.float32, shape)
        for task in tasks:
            with np.load(task.path) as part:
                vectors[task.first : task.last] = part["vectors"]
                judge[task.first : task.last] = part["judge"]
        vectors.flush()
    with replacing(files.judge) as partial:
        np.save(partial, judge)
    write_json(files.done, count)


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING)
    logging.getLogger("pipelines").setLevel(logging.INFO)
    sys.exit(main())
