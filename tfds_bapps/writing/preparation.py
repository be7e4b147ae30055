"""The whole preparation: sources, index, shards, counts, manifest.

It writes into a folder that TFDS moves to its place only after this returns,
so a preparation that fails or is interrupted leaves no dataset.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import tensorflow_datasets as tfds
from etils import epath

from tfds_bapps.source import download, indexing, layout, published
from tfds_bapps.source.errors import PreparationError, Problem, check_tolerance
from tfds_bapps.source.triplets import Triplets
from tfds_bapps.writing import manifest, pipeline, planning


class NothingFound(PreparationError):
    """The source has no triplets of the task, or none that are wanted."""


@dataclass(frozen=True)
class PrepareOptions:
    """What the user wants prepared; see `Builder`."""

    source: epath.PathLike | None
    subset: tuple[str, ...]
    tolerate: int
    votes: int | None

    def __post_init__(self):
        """Refuses negative numbers."""
        for name in ("tolerate", "votes"):
            value = getattr(self, name)
            if value is not None and value < 0:
                raise PreparationError(
                    f"`{name}` must not be negative. Received: {value}"
                )

    def wants(self, split: str) -> bool:
        """Whether a split is to be prepared."""
        part, _, subset = split.partition("_")
        words = {part, subset, split}
        return not self.subset or not words.isdisjoint(self.subset)

    def wants_problem(self, problem: Problem) -> bool:
        """Whether a problem is of a wanted split, or of none."""
        split, _, name = problem.triplet.partition("/")
        return not name or split.startswith(".") or self.wants(split)

    def votes_of(self, triplets: Triplets) -> int | None:
        """Judgements per triplet, or `None` if they are not known."""
        if self.votes is not None:
            return self.votes or None
        return layout.TASKS[triplets.task].votes.get(triplets.part)


def prepare(
    wishes: PrepareOptions,
    config: tfds.core.BuilderConfig,
    features: tfds.features.FeaturesDict,
    folder: epath.Path,
    template_of: Callable[[str], tfds.core.ShardedFileTemplate],
    dl_manager: tfds.download.DownloadManager,
    download_config: tfds.download.DownloadConfig,
) -> list[tfds.core.SplitInfo]:
    """Writes all shards and the manifest into `folder`.

    Args:
        wishes: what the user wants.
        config: the builder's `task` and `shorter_side`.
        features: TFDS's features of the dataset.
        folder: where the dataset is written.
        template_of: gives the template of a split's file names.
        dl_manager: TFDS's downloader.
        download_config: Beam's runner and options, sizes of shards.

    Returns:
        TFDS's description of each split.

    Raises:
        PreparationError: one sentence, or a list of all bad files.
    """
    found = download.fetch(
        wishes.source, config.task, wishes.wants, dl_manager, download_config
    )
    index = indexing.merge(
        [_index(source, config.task, wishes, folder) for source in found]
    )
    plans = {}
    for split, triplets in sorted(index.splits.items()):
        if len(triplets):
            plans[split] = planning.plan_shards(
                triplets[: download_config.max_examples_per_split],
                template_of(split_name=split),
                features,
                wishes.votes_of(triplets),
                config.shorter_side,
                download_config.num_shards,
                download_config.max_shard_size,
            )
    shards = [shard for plan in plans.values() for shard in plan]
    reports = pipeline.write_all(
        shards, download_config.beam_runner, download_config.beam_options
    )
    problems = index.problems + [
        Problem(*fields) for report in reports for fields in report.problems
    ]
    check_tolerance(wishes.tolerate, problems)

    reports = dict(zip(map(id, shards), reports, strict=True))
    entries = {}
    infos = []
    for split, plan in plans.items():
        done = [reports[id(shard)] for shard in plan]
        _check_written_counts(split, plan, done)
        entries[split] = manifest.split_entry(plan, done)
        infos.append(
            tfds.core.SplitInfo(
                name=split,
                shard_lengths=[report.examples for report in done],
                num_bytes=sum(report.record_bytes for report in done),
                filename_template=template_of(split_name=split),
            )
        )
    for leftover in (*folder.glob("*.plain"), *folder.glob("*.report.json")):
        leftover.unlink()
    digests = [download.source_entry(source) for source in found]
    manifest.write(folder, digests, entries, problems, index.ignored)
    return infos


def _index(source, task, wishes, folder):
    """The wanted splits of one source, their published counts compared."""
    if source.in_archive:
        source = indexing.plain_archive(source, folder)
    index = indexing.index_source(source, task)
    present = sorted(index.splits)
    index.splits = {
        split: index.splits[split] for split in present if wishes.wants(split)
    }
    if source.archive:
        wrong = published.count_errors(
            source.archive.folder, _found_counts(index), wishes.wants
        )
        if wrong:
            raise PreparationError(
                f"{source.name} is not the published archive: "
                f"{'; '.join(wrong)}."
            )
    if not index.splits:
        raise NothingFound(
            f"{source.name} holds no {task} triplets"
            + (
                f" of {', '.join(wishes.subset)}; its splits are "
                f"{', '.join(present) or 'none'}."
                if wishes.subset
                else f": files lie in {layout.example_path(task)}."
            )
        )
    index.problems = [
        problem for problem in index.problems if wishes.wants_problem(problem)
    ]
    return index


def _found_counts(index):
    """Triplets of each split, those with a missing file included."""
    bad = {problem.triplet for problem in index.problems}
    counts = Counter(triplet.rpartition("/")[0] for triplet in bad)
    counts.update({split: len(t) for split, t in index.splits.items()})
    return counts


def _check_written_counts(split, plan, reports):
    """Refuses a split that does not hold what its source holds."""
    for shard, report in zip(plan, reports, strict=True):
        bad = len({triplet for triplet, *_ in report.problems})
        path = epath.Path(shard.path)
        if report.examples + bad != len(shard.triplets) or not path.exists():
            raise PreparationError(
                f"{path.name} holds {report.examples} triplets and left out "
                f"{bad}, but its source has {len(shard.triplets)}."
            )
    if not any(report.examples for report in reports):
        raise PreparationError(f"no triplet of {split} is whole.")
