"""Prepares the dataset: sources, index, shards, counts, manifest.

Everything is written to the folder that TFDS renames after the preparation
has returned, so a preparation that fails or is interrupted leaves no dataset.
"""

from collections import Counter
from dataclasses import dataclass

import tensorflow_datasets as tfds
from etils import epath

from tfds_bapps.source import archives, download, indexing, layout, published
from tfds_bapps.source.errors import (
    FileError,
    NoTripletsError,
    PreparationError,
    check_tolerance,
)
from tfds_bapps.source.triplets import Triplets
from tfds_bapps.writing import manifest
from tfds_bapps.writing.shards import (
    SHARD_TRIPLETS,
    Executor,
    Report,
    Shard,
    split_shards,
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

    def selects(self, split: str) -> bool:
        """Returns whether a split is selected by `subset`."""
        part, _, subset = split.partition("_")
        words = {part, subset, split}
        return not self.subset or not words.isdisjoint(self.subset)

    def get_votes(self, triplets: Triplets) -> int | None:
        """Returns the judgements per triplet, or `None` if unknown."""
        if self.votes is not None:
            return self.votes or None
        return layout.TASKS[triplets.task].votes.get(triplets.part)


@dataclass(frozen=True)
class Plan:
    """The sources, shards and errors of a preparation.

    Attributes:
        sources: the sources that it reads.
        splits: TFDS's template of the file names, and the shards in order, of
            each split.
        errors: errors that the index found.
        ignored: number of files that belong to no triplet.
    """

    sources: list[archives.Source]
    splits: dict[str, tuple[tfds.core.ShardedFileTemplate, list[Shard]]]
    errors: list[FileError]
    ignored: int


def make_plan(
    builder: tfds.core.DatasetBuilder,
    options: PrepareOptions,
    dl_manager: tfds.download.DownloadManager,
    config: tfds.download.DownloadConfig,
) -> Plan:
    """Finds the sources, indexes them and plans the shards.

    Args:
        builder: the builder, whose folder exists.
        options: options of the preparation.
        dl_manager: TFDS's download manager.
        config: TFDS's download config: manual folder, shards, most examples.

    Raises:
        PreparationError: there is no source, or it is damaged.
    """
    task = builder.builder_config.task
    sources = download.find_or_download(
        options.source, task, options.selects, dl_manager, config.manual_dir
    )
    index = indexing.merge(
        _index(source, task, options, builder.data_path) for source in sources
    )
    splits = {}
    for split, triplets in sorted(index.splits.items()):
        if not len(triplets):
            continue
        triplets = triplets[: config.max_examples_per_split]
        total_bytes = int(triplets.sizes.sum(dtype="int64"))
        count = config.num_shards or max(
            -(-total_bytes // config.max_shard_size),
            -(-len(triplets) // SHARD_TRIPLETS),
        )
        file_format = builder.info.file_format.file_suffix
        template = tfds.core.ShardedFileTemplate(
            data_dir=builder.data_path,
            dataset_name=builder.name,
            split=split,
            filetype_suffix=file_format,
        )
        unsplit = Shard(
            path="",
            file_format=file_format,
            features=builder.info.features,
            triplets=triplets,
            votes=options.get_votes(triplets),
            shorter_side=builder.builder_config.shorter_side,
        )
        count = min(count, len(triplets))
        splits[split] = template, split_shards(unsplit, template, count)
    return Plan(sources, splits, index.errors, index.ignored)


def write(
    plan: Plan, folder: epath.Path, tolerate: int, execute: Executor
) -> list[tfds.core.SplitInfo]:
    """Writes all shards, compares the counts and writes the manifest.

    Args:
        plan: the plan.
        folder: the folder of the dataset.
        tolerate: number of invalid triplets that are accepted.
        execute: runs `write_shard` on all shards.

    Returns:
        TFDS's description of each split.

    Raises:
        PreparationError: too many triplets are invalid, or counts differ.
    """
    all_shards = [x for _, shards in plan.splits.values() for x in shards]
    written = [Report(**report) for report in execute(all_shards, write_shard)]
    errors = plan.errors + [
        FileError(*fields) for report in written for fields in report.errors
    ]
    check_tolerance(tolerate, errors)

    remaining = iter(written)
    entries = {}
    infos = []
    for split, (template, shards) in plan.splits.items():
        reports = [next(remaining) for _ in shards]
        _check_written_counts(split, shards, reports)
        entries[split] = manifest.split_entry(shards, reports)
        infos.append(
            tfds.core.SplitInfo(
                name=split,
                shard_lengths=[report.examples for report in reports],
                num_bytes=sum(report.record_bytes for report in reports),
                filename_template=template,
            )
        )
    for leftover in (*folder.glob("*.plain"), *folder.glob("*.report.json")):
        leftover.unlink()
    manifest.write(folder, plan.sources, entries, errors, plan.ignored)
    return infos


def _index(source, task, options, folder):
    """Indexes the selected splits of a source and checks published counts."""
    if source.in_archive:
        source = indexing.plain_archive(source, folder)
    index = indexing.index_source(source, task)
    present = sorted(index.splits)
    if source.archive:
        # Incomplete triplets count too.
        invalid = {(error.split, error.triplet) for error in index.errors}
        counts = Counter(split for split, _ in invalid)
        counts.update({split: len(t) for split, t in index.splits.items()})
        wrong = published.count_errors(source.archive, counts, options.selects)
        if wrong:
            raise PreparationError(
                f"{source.name} is not the published archive: "
                f"{'; '.join(wrong)}."
            )
    index.splits = {
        split: index.splits[split]
        for split in present
        if options.selects(split)
    }
    if not index.splits:
        raise NoTripletsError(
            f"{source.name} holds no {task} triplets"
            + (
                f" of {', '.join(options.subset)}; its splits are "
                f"{', '.join(present) or 'none'}."
                if options.subset
                else f": files must be in {layout.example_path(task)}."
            )
        )
    # An archive member that belongs to no triplet counts for every subset.
    index.errors = [
        error
        for error in index.errors
        if not error.split or options.selects(error.split)
    ]
    return index


def _check_written_counts(split, shards, reports):
    """Raises `PreparationError` if counts of shards and source differ."""
    for shard, report in zip(shards, reports, strict=True):
        invalid = len({triplet for triplet, *_ in report.errors})
        path = epath.Path(shard.path)
        if (
            report.examples + invalid != len(shard.triplets)
            or not path.exists()
        ):
            raise PreparationError(
                f"{path.name} holds {report.examples} triplets and skipped "
                f"{invalid}, but its source has {len(shard.triplets)}."
            )
    if not any(report.examples for report in reports):
        raise PreparationError(
            f"every triplet in split {split} is incomplete or invalid."
        )
