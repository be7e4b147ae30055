"""Plans and writes the shards of the dataset.

A shard is the unit of work. It is planned from the index alone, so its bytes
depend on the source and the plan alone, not on the runner, the number of
workers, retries or paths.
"""

import dataclasses
import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import tensorflow_datasets as tfds
from etils import epath

from tfds_bapps.source import archives, layout
from tfds_bapps.source.errors import PreparationError
from tfds_bapps.source.examples import Example, read_examples
from tfds_bapps.source.triplets import Triplets

# Few enough to spread the work evenly over workers.
SHARD_TRIPLETS = 8192
REPORT_SUFFIX = ".report.json"
# Bins of the histogram of judgements where the number of votes is not known.
UNKNOWN_VOTES_BINS = 10


@dataclasses.dataclass(frozen=True)
class Shard:
    """A shard to write.

    Attributes:
        path: its file.
        file_format: TFDS's name of the record format.
        features: TFDS's features of the dataset.
        triplets: its triplets, in order.
        votes: judgements per triplet, or `None` if they are not known.
        shorter_side: height or width to which patches are resized, or `None`.
    """

    path: str
    file_format: str
    features: tfds.features.FeaturesDict
    triplets: Triplets
    votes: int | None
    shorter_side: int | None

    @property
    def report_path(self) -> str:
        """The file whose existence marks the shard as done."""
        return self.path + REPORT_SUFFIX

    def examples(self) -> Iterator[tuple[int, dict[str, Any]]]:
        """Yields the number and the features of each valid triplet."""
        for row, example in enumerate(
            read_examples(self.triplets, self.votes, self.shorter_side)
        ):
            if isinstance(example, Example):
                yield row, example.features


@dataclasses.dataclass
class Report:
    """The result of writing a shard.

    Attributes:
        examples: triplets in it.
        record_bytes: bytes of its records.
        source_sha256: digest of all source files of the shard.
        answers: number of triplets with each share of votes, from none to
            all of them; tenths of [0, 1] where votes are not known.
        sizes: number of patches of each stored size, "width x height".
        errors: errors of the skipped triplets, each as the fields of
            `FileError`.
        shard_sha256: digest of the shard's file.
    """

    examples: int = 0
    record_bytes: int = 0
    source_sha256: str = ""
    answers: list[int] = dataclasses.field(default_factory=list)
    sizes: dict[str, int] = dataclasses.field(default_factory=dict)
    errors: list[list[str]] = dataclasses.field(default_factory=list)
    shard_sha256: str = ""


# Calls a function on all shards, in any order and process, and returns its
# results in the order of the shards.
Executor = Callable[[Sequence[Shard], Callable[..., dict]], list[dict]]


def make_features(task: str, **more) -> tfds.features.FeaturesDict:
    """Returns the features of a task's examples.

    Args:
        task: "2afc" or "jnd".
        **more: further features.
    """
    roles = layout.TASKS[task]
    patch = tfds.features.Image(
        shape=(None, None, 3), dtype=np.uint8, encoding_format="png"
    )
    return tfds.features.FeaturesDict(
        {
            **dict.fromkeys(roles.patches, patch),
            roles.answer: np.float32,
            "subset": tfds.features.Text(),
            "id": tfds.features.Text(),
            **more,
        }
    )


def make_serializer(
    features: tfds.features.FeaturesDict,
) -> Callable[[dict[str, Any]], bytes]:
    """Returns a function of an example to its record, equal in each run."""
    serializer = tfds.core.ExampleSerializer(features.get_serialized_info())

    def serialize(example):
        encoded = serializer.get_tf_example(features.encode_example(example))
        # By default protobuf writes the entries of a map in an order that
        # differs from process to process.
        return encoded.SerializeToString(deterministic=True)

    return serialize


def split_shards(
    shard: Shard, template: tfds.core.ShardedFileTemplate, count: int
) -> list[Shard]:
    """Divides a split into shards of almost equal length.

    Args:
        shard: the whole split.
        template: TFDS's template of the shards' file names.
        count: number of shards.

    Returns:
        The shards, in order; together they hold each triplet once.
    """
    total = len(shard.triplets)
    bounds = [total * i // count for i in range(count + 1)]
    return [
        dataclasses.replace(
            shard,
            path=str(
                template.sharded_filepath(shard_index=i, num_shards=count)
            ),
            triplets=shard.triplets[bounds[i] : bounds[i + 1]],
        )
        for i in range(count)
    ]


def write_shard(shard: Shard, shared: Any = None) -> dict:
    """Writes a shard; a repeated call writes the same bytes.

    The file is written under another name and renamed.

    Args:
        shard: the shard.
        shared: unused; executors pass the object that their tasks share.

    Returns:
        The fields of the `Report`, for JSON.

    Raises:
        PreparationError: the source cannot be read or the shard not written.
    """
    writer = tfds.core.ExampleWriter(tfds.core.FileFormat(shard.file_format))
    report = Report()
    try:
        # TFDS removes the files that lost workers leave under such names.
        with tfds.core.utils.incomplete_file(epath.Path(shard.path)) as path:
            writer.write(path, _records(shard, report))
            report.shard_sha256 = archives.digest(path)
    except Exception as error:
        # TensorFlow's errors have a code; they are recognized by it so that
        # TensorFlow need not be imported.
        if not (isinstance(error, OSError) or hasattr(error, "error_code")):
            raise
        reason = getattr(error, "strerror", None)
        reason = reason or getattr(error, "message", error)
        raise PreparationError(
            f"{shard.path} cannot be written: {reason}."
        ) from error
    return dataclasses.asdict(report)


def write_in_process(
    shards: Sequence[Shard], write: Callable[[Shard], dict]
) -> list[dict]:
    """Writes shards one after another. It is an `Executor`."""
    return [write(shard) for shard in shards]


class BeamExecutor:
    """An `Executor` that writes shards with Beam.

    Nothing flows back through Beam: each shard leaves a report file.

    Args:
        runner: a Beam runner or its name. Defaults to the options' runner.
        options: Beam's options. Defaults to none.
    """

    def __init__(self, runner: Any = None, options: Any = None):
        self._runner = runner
        self._options = options

    def __call__(
        self, shards: Sequence[Shard], write: Callable[[Shard], dict]
    ) -> list[dict]:
        """Runs one pipeline and reads the reports."""
        import apache_beam as beam

        def write_and_report(shard):
            report = json.dumps(write(shard))
            path = epath.Path(shard.report_path)
            with tfds.core.utils.incomplete_file(path) as incomplete:
                incomplete.write_text(report)

        with beam.Pipeline(self._runner, self._options) as pipeline:
            _ = (
                pipeline
                | "Shards" >> beam.Create(shards, reshuffle=False)
                | "Spread" >> beam.Reshuffle()
                | "Write" >> beam.Map(write_and_report)
            )
        return [
            json.loads(epath.Path(shard.report_path).read_text())
            for shard in shards
        ]


def _records(shard, report) -> Iterator[tuple[int, bytes]]:
    serialize = make_serializer(shard.features)
    answer = layout.TASKS[shard.triplets.task].answer
    report.answers = [0] * (
        shard.votes + 1 if shard.votes else UNKNOWN_VOTES_BINS
    )
    sizes: Counter[str] = Counter()
    sha256 = hashlib.sha256()
    examples = read_examples(
        shard.triplets, shard.votes, shard.shorter_side, sha256
    )
    for row, example in enumerate(examples):
        if not isinstance(example, Example):
            report.errors += map(list, map(dataclasses.astuple, example))
            continue
        sizes.update(example.sizes)
        record = serialize(example.features)
        report.examples += 1
        report.record_bytes += len(record)
        report.answers[_bin(example.features[answer], shard.votes)] += 1
        yield row, record
    report.source_sha256 = sha256.hexdigest()
    report.sizes = dict(sorted(sizes.items()))


def _bin(value, votes):
    if votes:
        return round(float(value) * votes)
    return min(int(value * UNKNOWN_VOTES_BINS), UNKNOWN_VOTES_BINS - 1)
