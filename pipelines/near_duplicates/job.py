"""The whole job: vectors of all images, search by size, one table."""

import hashlib
import json
from collections import defaultdict
from dataclasses import dataclass

from apache_beam.io.filesystems import FileSystems
from apache_beam.options.pipeline_options import PipelineOptions

from keras_lpips.inference.provenance import describe
from keras_lpips.weights.presets import fetch_backbone
from pipelines.execution import check_options, run_tasks
from pipelines.filesystems import (
    exists,
    make_folder,
    read_bytes,
    remove_folder,
    write_bytes,
)
from pipelines.near_duplicates.embedding import Embedding, Run, Style
from pipelines.near_duplicates.search import Block, Search, search
from pipelines.scoring.results import to_csv
from tfds_bapps.source.errors import PreparationError

COLUMNS = ("first", "second", "distance")
PLAN = "plan.json"


@dataclass(frozen=True)
class Order:
    """What is looked for.

    Attributes:
        images: a pattern.
        output: the table.
        threshold: the largest distance of a pair.
        style: how images become vectors.
        run_images: images in each run.
        tolerate: how many bad images are left out instead of failing.
        threads: of TensorFlow in each process; 0 leaves them to it.
    """

    images: str
    output: str
    threshold: float
    style: Style
    run_images: int
    tolerate: int
    threads: int

    def check(self) -> None:
        """Raises `PreparationError` for what cannot be looked for."""
        for flag, value, least in (
            ("--threshold", self.threshold, 0),
            ("--run-images", self.run_images, 1),
            ("--batch-pixels", self.style.batch_pixels, 1),
            ("--tolerate", self.tolerate, 0),
            ("--threads", self.threads, 0),
        ):
            if not value >= least:
                raise PreparationError(
                    f"{flag} must be at least {least}. Received: {value}"
                )


def find_neighbours(order: Order, options: PipelineOptions | None = None):
    """Finds all pairs of images of one size within a distance.

    What a stopped run has finished is used again by the same command.

    Args:
        order: what is looked for.
        options: Beam's options.

    Returns:
        What the table was made of: settings, counts, and bad images with
        their reasons.

    Raises:
        PreparationError: one sentence.
        OSError: images or output cannot be used.
    """
    order.check()
    options = options or PipelineOptions(flags=[])
    check_options(options)
    FileSystems.set_options(options)
    found = FileSystems.match([order.images])[0].metadata_list
    found.sort(key=lambda file: file.path)
    if not found:
        raise PreparationError(f"{order.images} matches no file.")
    paths = [file.path for file in found]
    settings = _settings(order)
    work = f"{order.output}.work"
    _clear_unless_planned(work, settings, found)
    blocks, faults = _embed(order, paths, work, options)
    faults = {paths[at]: reason for at, reason in faults}
    if len(faults) > order.tolerate or len(faults) == len(paths):
        reasons = "; ".join(list(faults.values())[:20])
        raise PreparationError(
            f"{len(faults)} of {len(paths)} images are bad, and --tolerate "
            f"allows {order.tolerate}: {reasons}. What is done lies in {work}; "
            "the same command with a higher --tolerate goes on from there."
        )
    near = _search(order, blocks, work, options)
    rows = [(paths[i], paths[k], distance) for i, k, distance in near]
    write_bytes(order.output, to_csv(COLUMNS, rows))
    made = {**settings, "images": len(paths), "pairs": len(rows), "bad": faults}
    beside = order.output.removesuffix(".csv") + ".json"
    write_bytes(beside, (json.dumps(made, indent=1) + "\n").encode())
    remove_folder(work)
    return made


def _settings(order):
    """What the table depends on beside the images."""
    style = order.style
    # Fetched once, here, and not by all workers at a time.
    fetch_backbone(style.net)
    return {
        **describe(style.net, style.version, style.calibrated),
        "resize": style.resize,
        "batch_pixels": style.batch_pixels,
        "threshold": order.threshold,
    }


def _clear_unless_planned(work, settings, found):
    """Removes what another order, or other images, have left."""
    files = [
        [x.path, x.size_in_bytes, x.last_updated_in_seconds] for x in found
    ]
    digest = hashlib.sha256(json.dumps(files).encode()).hexdigest()
    text = json.dumps({**settings, "images": digest}).encode()
    path = FileSystems.join(work, PLAN)
    if exists(path) and read_bytes(path) == text:
        return
    remove_folder(work)
    make_folder(work)
    write_bytes(path, text)


def _embed(order, paths, work, options):
    """Returns blocks of vectors by the images' size, and faults."""
    count = order.run_images
    runs = [
        Run(work, number, first, tuple(paths[first : first + count]))
        for number, first in enumerate(range(0, len(paths), count))
    ]
    embedding = Embedding(order.style, order.threads)
    reports = run_tasks(runs, embedding.perform, options, load=embedding.load)
    blocks = defaultdict(list)
    for report in reports:
        for size, path, positions in report["blocks"]:
            blocks[tuple(size)].append(Block(path, tuple(positions)))
    return blocks, [fault for report in reports for fault in report["faults"]]


def _search(order, blocks, work, options):
    """Returns positions of two images and their distance, sorted."""
    searches = []
    for _, same_size in sorted(blocks.items()):
        for at, block in enumerate(same_size):
            path = f"{work}/search-{len(searches):05}.json"
            rest = tuple(same_size[at + 1 :])
            searches.append(Search(path, block, rest, order.threshold))
    reports = run_tasks(searches, search, options)
    return sorted(tuple(x) for report in reports for x in report["near"])
