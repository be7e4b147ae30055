"""One shard of the dataset: what it holds, how it is written.

A shard is the unit of work. It is planned by the driver from the index alone,
so its bytes depend on the source and the plan, never on a runner, on the
number of workers, or on how often and where it is written. It is written
beside its place and moved there; its report is written after it and marks it
as done.
"""

import dataclasses
import json
from collections import Counter
from collections.abc import Iterator

import tensorflow_datasets as tfds
from etils import epath

from tfds_bapps.source import layout
from tfds_bapps.source.errors import PreparationError
from tfds_bapps.source.examples import ExampleReader
from tfds_bapps.source.triplets import Triplets

REPORT_SUFFIX = ".report.json"
# Bins of the histogram of judgements where the number of votes is not known.
UNKNOWN_VOTES_BINS = 10


@dataclasses.dataclass(frozen=True)
class Shard:
    """A shard to be written.

    Attributes:
        path: its file.
        file_format: TFDS's name of the format of its records.
        features: TFDS's features of the dataset.
        triplets: what it holds, in order.
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
    def report_path(self) -> epath.Path:
        """The file that says that the shard is done."""
        return epath.Path(self.path + REPORT_SUFFIX)


@dataclasses.dataclass
class Report:
    """What became of a shard.

    Attributes:
        examples: triplets in it.
        record_bytes: bytes of its records.
        source_sha256: digest over all files that it was made from.
        answers: how many triplets have each share of votes, from none to
            all of them; tenths of [0, 1] where votes are not known.
        sizes: how many patches have each stored size, "width x height".
        problems: the triplets left out, each as `Problem`'s fields.
    """

    examples: int = 0
    record_bytes: int = 0
    source_sha256: str = ""
    answers: list[int] = dataclasses.field(default_factory=list)
    sizes: dict[str, int] = dataclasses.field(default_factory=dict)
    problems: list[list[str]] = dataclasses.field(default_factory=list)


def write_shard(shard: Shard) -> Report:
    """Writes a shard and then its report; again, it writes the same bytes.

    Raises:
        PreparationError: the source or the target cannot be used at all.
    """
    file_format = tfds.core.FileFormat(shard.file_format)
    writer = tfds.core.ExampleWriter(file_format)
    report = Report()
    try:
        # A file that is left by a lost worker is named so that TFDS removes
        # it when the dataset is done.
        path = epath.Path(shard.path)
        with tfds.core.utils.incomplete_file(path) as incomplete:
            writer.write(incomplete, _records(shard, report))
        with tfds.core.utils.incomplete_file(shard.report_path) as incomplete:
            incomplete.write_text(json.dumps(dataclasses.asdict(report)))
    except OSError as error:
        raise PreparationError(
            f"{shard.path} cannot be written: {error.strerror or error}."
        ) from error
    except Exception as error:
        # TensorFlow's errors, told by their code without importing it.
        if not hasattr(error, "error_code"):
            raise
        raise PreparationError(
            f"{shard.path} cannot be written: {error.message}."
        ) from error
    return report


def read_report(shard: Shard) -> Report | None:
    """The report of a shard, or `None` if it is not done."""
    if not shard.report_path.exists():
        return None
    return Report(**json.loads(shard.report_path.read_text()))


def _records(shard, report) -> Iterator[tuple[int, bytes]]:
    serializer = tfds.core.ExampleSerializer(
        shard.features.get_serialized_info()
    )
    answer = layout.TASKS[shard.triplets.task].answer
    report.answers = [0] * (
        shard.votes + 1 if shard.votes else UNKNOWN_VOTES_BINS
    )
    sizes = Counter()
    with ExampleReader(
        shard.triplets, shard.votes, shard.shorter_side
    ) as reader:
        for row in range(len(shard.triplets)):
            example = reader.read(row)
            if isinstance(example, list):
                report.problems += map(list, map(dataclasses.astuple, example))
                continue
            sizes.update(example.sizes)
            encoded = serializer.get_tf_example(
                shard.features.encode_example(example.features)
            )
            # Protobuf orders a map by chance unless told not to.
            record = encoded.SerializeToString(deterministic=True)
            report.examples += 1
            report.record_bytes += len(record)
            report.answers[_bin(example.features[answer], shard.votes)] += 1
            yield row, record
        report.source_sha256 = reader.sha256.hexdigest()
    report.sizes = dict(sorted(sizes.items()))


def _bin(value, votes):
    if votes:
        return round(float(value) * votes)
    return min(int(value * UNKNOWN_VOTES_BINS), UNKNOWN_VOTES_BINS - 1)
