r"""Makes the vectors that `lin-fast` trains on, with Beam: for large data.

    python -m training.embed --recipe alex/lin-fast --data-dir DATA \
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
from simple_parsing.wrappers.field_wrapper import DashVariant

from keras_lpips.output import replacing, write_json
from keras_lpips.weights.arrays import WeightsError
from pipelines.beam_options import parse_beam_options, split_command_line
from pipelines.beam_tasks import perform_all
from tfds_bapps.problems import PreparationError
from training.batches import RecordSource
from training.embed_task import Embedder, EmbedTask, make_model
from training.prepared import DataError, open_prepared, sources_of
from training.recipes import PRECISIONS, RECIPES
from training.vectors import (
    DESCRIPTION,
    VectorFiles,
    check_description,
    describe_vectors,
)

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
    """Precision of the trunk."""
    triplets_per_task: int = 2000
    """Triplets that a worker embeds at a time."""


def main(argv: Sequence[str] | None = None) -> int:
    """Parses the command line and embeds; returns the exit status."""
    ours, beams = split_command_line(sys.argv[1:] if argv is None else argv)
    parser = simple_parsing.ArgumentParser(
        prog="embed",
        description=__doc__,
        add_option_string_dash_variants=DashVariant.DASH,
    )
    parser.add_arguments(Settings, "settings")
    settings = parser.parse_args(ours).settings
    options = parse_beam_options(parser, beams)
    if settings.triplets_per_task < 1:
        parser.error("--triplets-per-task must be positive")
    try:
        make(settings, options)
    except (DataError, PreparationError, WeightsError, ValueError) as error:
        print(f"embed: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        print(f"embed: {where}{error.strerror or error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("embed: interrupted; the same command goes on", file=sys.stderr)
        return 130
    return 0


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
    parts = output / PARTS
    parts.mkdir(parents=True, exist_ok=True)
    about = describe_vectors(make_model(embedder), settings.precision, builder)
    if (output / DESCRIPTION).exists():
        check_description(output, about)
    else:
        write_json(output / DESCRIPTION, about)
    tasks = {}
    for name, splits in sources.items():
        count = len(RecordSource(builder, splits))
        if VectorFiles(output, name).count_done() != count:
            size = settings.triplets_per_task
            tasks[name] = [
                EmbedTask(
                    embedder,
                    settings.data_dir,
                    settings.config,
                    tuple(splits),
                    first,
                    min(first + size, count),
                    str(parts / f"{name}-{size}-{first:09}.npz"),
                )
                for first in range(0, count, size)
            ]
    perform_all([x for run in tasks.values() for x in run], options)
    for name, run in tasks.items():
        _join(run, VectorFiles(output, name))
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
