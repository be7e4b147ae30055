"""Prepares the dataset: sources, index, shards, counts, manifest.

Everything is written to the folder that TFDS renames after the preparation
has returned, so a preparation that fails or is interrupted leaves no dataset.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import tensorflow_datasets as tfds
from etils import epath

from tfds_bapps.source import archives, download, indexing, layout, published
from tfds_bapps.source.errors import (
    FileError,
    NothingFoundError,
    PreparationError,
    check_tolerance,
)
from tfds_bapps.source.triplets import Triplets
from tfds_bapps.writing import manifest
from tfds_bapps.writing.shards import (
    Executor,
    Report,
    Shard,
    plan_shards,
    write_shard,
)


@dataclass(frozen=True)
class PrepareOptions:
    """Options of a preparation; see `Builder`."""

    source: epath.PathLike | None = None
    subset: tuple[str, ...] = ()
    tolerate: int = 0
    votes: int | None = None

    def __post_init__(self):
        """Validates the numbers."""
        for name in ("tolerate", "votes"):
            value = getattr(self, name)
            if value is not None and value < 0:
                raise PreparationError(
                    f"`{name}` must not be negative. Received: {value}"
                )

    def wants(self, split: str) -> bool:
        """Returns whether a split is to be prepared."""
        part, _, subset = split.partition("_")
        words = {part, subset, split}
        return not self.subset or not words.isdisjoint(self.subset)

    def votes_of(self, triplets: Triplets) -> int | None:
        """Returns the judgements per triplet, or `None` if unknown."""
        if self.votes is not None:
            return self.votes or None
        return layout.TASKS[triplets.task].votes.get(triplets.part)


@dataclass(frozen=True)
class Plan:
    """A preparation before anything is written.

    Attributes:
        sources: what it reads.
        shards: the shards of each split, in order.
        errors: errors that the index found.
        ignored: number of files that belong to no triplet.
    """

    sources: list[archives.Source]
    shards: dict[str, list[Shard]]
    errors: list[FileError]
    ignored: int


def plan(
    options: PrepareOptions,
    config: tfds.core.BuilderConfig,
    features: tfds.features.FeaturesDict,
    folder: epath.Path,
    template_of: Callable[..., tfds.core.ShardedFileTemplate],
    dl_manager: tfds.download.DownloadManager,
    download_config: tfds.download.DownloadConfig,
) -> Plan:
    """Finds the sources, indexes them and plans the shards.

    Args:
        options: options of the preparation.
        config: the builder's `task` and `shorter_side`.
        features: TFDS's features of the dataset.
        folder: the folder of the dataset.
        template_of: returns the template of a split's file names.
        dl_manager: TFDS's download manager.
        download_config: manual folder, number and size of shards.

    Returns:
        The plan.

    Raises:
        PreparationError: there is no source, or it is damaged.
    """
    sources = download.find_or_download(
        options.source,
        config.task,
        options.wants,
        dl_manager,
        download_config.manual_dir,
    )
    index = indexing.merge(
        _index(source, config.task, options, folder) for source in sources
    )
    shards = {
        split: plan_shards(
            triplets[: download_config.max_examples_per_split],
            template_of(split_name=split),
            features,
            options.votes_of(triplets),
            config.shorter_side,
            download_config.num_shards,
            download_config.max_shard_size,
        )
        for split, triplets in sorted(index.splits.items())
        if len(triplets)
    }
    return Plan(sources, shards, index.errors, index.ignored)


def write(
    plan: Plan,
    tolerate: int,
    folder: epath.Path,
    template_of: Callable[..., tfds.core.ShardedFileTemplate],
    execute: Executor,
) -> list[tfds.core.SplitInfo]:
    """Writes all shards, compares the counts and writes the manifest.

    Args:
        plan: the plan.
        tolerate: number of bad triplets that are accepted.
        folder: the folder of the dataset.
        template_of: returns the template of a split's file names.
        execute: runs `write_shard` on all shards.

    Returns:
        TFDS's description of each split.

    Raises:
        PreparationError: a message, or a list of all bad files.
    """
    shards = [shard for split in plan.shards.values() for shard in split]
    written = [Report(**report) for report in execute(shards, write_shard)]
    errors = plan.errors + [
        FileError(*fields) for report in written for fields in report.errors
    ]
    check_tolerance(tolerate, errors)

    remaining = iter(written)
    entries = {}
    infos = []
    for split, split_shards in plan.shards.items():
        reports = [next(remaining) for _ in split_shards]
        _check_written_counts(split, split_shards, reports)
        entries[split] = manifest.split_entry(split_shards, reports)
        infos.append(
            tfds.core.SplitInfo(
                name=split,
                shard_lengths=[report.examples for report in reports],
                num_bytes=sum(report.record_bytes for report in reports),
                filename_template=template_of(split_name=split),
            )
        )
    for leftover in (*folder.glob("*.plain"), *folder.glob("*.report.json")):
        leftover.unlink()
    sources = [manifest.source_entry(source) for source in plan.sources]
    manifest.write(folder, sources, entries, errors, plan.ignored)
    return infos


def _index(source, task, options, folder):
    """Indexes the wanted splits of a source and checks published counts."""
    if source.in_archive:
        source = indexing.plain_archive(source, folder)
    index = indexing.index_source(source, task)
    present = sorted(index.splits)
    index.splits = {
        split: index.splits[split] for split in present if options.wants(split)
    }
    if source.archive:
        wrong = published.count_errors(
            source.archive.folder, _found_counts(index), options.wants
        )
        if wrong:
            raise PreparationError(
                f"{source.name} is not the published archive: "
                f"{'; '.join(wrong)}."
            )
    if not index.splits:
        raise NothingFoundError(
            f"{source.name} holds no {task} triplets"
            + (
                f" of {', '.join(options.subset)}; its splits are "
                f"{', '.join(present) or 'none'}."
                if options.subset
                else f": files lie in {layout.example_path(task)}."
            )
        )
    # An archive member that belongs to no triplet counts for every subset.
    index.errors = [
        error
        for error in index.errors
        if not error.split or options.wants(error.split)
    ]
    return index


def _found_counts(index):
    """Counts the triplets of each split, incomplete ones included."""
    bad = {(error.split, error.triplet) for error in index.errors}
    counts = Counter(split for split, _ in bad if split)
    counts.update({split: len(t) for split, t in index.splits.items()})
    return counts


def _check_written_counts(split, shards, reports):
    """Raises an exception if shards and source differ in their counts."""
    for shard, report in zip(shards, reports, strict=True):
        bad = len({triplet for triplet, *_ in report.errors})
        path = epath.Path(shard.path)
        if report.examples + bad != len(shard.triplets) or not path.exists():
            raise PreparationError(
                f"{path.name} holds {report.examples} triplets and left out "
                f"{bad}, but its source has {len(shard.triplets)}."
            )
    if not any(report.examples for report in reports):
        raise PreparationError(
            f"every triplet in split {split} is incomplete or invalid."
        )
