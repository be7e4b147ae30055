"""Runs the search: embeds images and compares those of one size."""

import functools
import hashlib
import json
from collections import defaultdict

from apache_beam.io.filesystems import FileSystems
from apache_beam.options.pipeline_options import PipelineOptions

from keras_lpips_cli.errors import UserError
from pipelines.execution import check_options, forget_damaged, run_tasks
from pipelines.filesystems import (
    exists,
    make_folder,
    read_bytes,
    remove_folder,
    write_bytes,
)
from pipelines.image_io.matching import find_images
from pipelines.near_duplicates.config import DuplicatesConfig
from pipelines.near_duplicates.embedding import (
    Embedder,
    EmbeddingTask,
    embed_images,
)
from pipelines.near_duplicates.search import Block, SearchTask, search_block
from pipelines.scoring.job import describe_weights
from pipelines.scoring.results import to_csv

COLUMNS = ("first", "second", "distance")
PLAN = "plan.json"
# Bad images named in an error.
EXAMPLES = 20


def find_duplicates(
    config: DuplicatesConfig, options: PipelineOptions | None = None
) -> dict:
    """Finds all pairs of images of one size within a distance.

    The same command resumes an interrupted run.

    Args:
        config: flags of the program.
        options: Beam's options. Defaults to the direct runner, in this process.

    Returns:
        The record beside the table: settings, counts, and invalid images with
        their reasons.

    Raises:
        UserError: the images or the options cannot be used.
        OSError: images or output cannot be read or written.
    """
    options = options or PipelineOptions(flags=[])
    check_options(options)
    FileSystems.set_options(options)
    found, skipped = find_images(config.images)
    paths = [file.path for file in found]
    record = {**describe_weights(config), **config.result_settings}
    folder = f"{config.output}.work"
    _remove_stale_work(folder, record, found)
    blocks, errors = _embed(config, paths, folder, options)
    invalid = {paths[at]: reason for at, reason in errors}
    if len(invalid) > config.tolerate or len(invalid) == len(paths):
        reasons = "; ".join(list(invalid.values())[:EXAMPLES])
        raise UserError(
            f"{len(invalid)} of {len(paths)} images are invalid, and "
            f"--tolerate allows {config.tolerate}: {reasons}. Finished work "
            f"is in {folder}; resume with a higher --tolerate."
        )
    rows = [
        (paths[i], paths[k], distance)
        for i, k, distance in _search(config, blocks, folder, options)
    ]
    write_bytes(config.output, to_csv(COLUMNS, rows))
    record |= {
        "images": len(paths),
        "pairs": len(rows),
        "failed": invalid,
        "skipped": skipped,
    }
    beside = config.output.removesuffix(".csv") + ".json"
    write_bytes(beside, (json.dumps(record, indent=1) + "\n").encode())
    remove_folder(folder)
    return record


def _remove_stale_work(folder, record, found):
    """Removes leftovers of a run with another config or other images."""
    files = [
        [x.path, x.size_in_bytes, x.last_updated_in_seconds] for x in found
    ]
    digest = hashlib.sha256(json.dumps(files).encode()).hexdigest()
    text = json.dumps({**record, "images": digest}).encode()
    path = FileSystems.join(folder, PLAN)
    if exists(path) and read_bytes(path) == text:
        return
    remove_folder(folder)
    make_folder(folder)
    write_bytes(path, text)


def _embed(config, paths, folder, options):
    """Returns blocks of vectors by the images' size, and errors."""
    count = config.shard_images
    tasks = [
        EmbeddingTask(
            folder, number, first, tuple(paths[first : first + count])
        )
        for number, first in enumerate(range(0, len(paths), count))
    ]
    forget_damaged(tasks)
    reports = run_tasks(
        tasks, embed_images, options, load=functools.partial(Embedder, config)
    )
    blocks = defaultdict(list)
    for report in reports:
        for size, path, positions in report["blocks"]:
            blocks[tuple(size)].append(Block(path, tuple(positions)))
    return blocks, [error for report in reports for error in report["errors"]]


def _search(config, blocks, folder, options):
    """Returns positions of two images and their distance, sorted."""
    tasks = []
    for _, same_size in sorted(blocks.items()):
        for at, block in enumerate(same_size):
            path = f"{folder}/search-{len(tasks):05}.json"
            others = tuple(same_size[at + 1 :])
            tasks.append(SearchTask(path, block, others, config.threshold))
    reports = run_tasks(tasks, search_block, options)
    return sorted(tuple(x) for report in reports for x in report["near"])
