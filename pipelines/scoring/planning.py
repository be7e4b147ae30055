"""Plans shards from the input alone.

A list is cut into spans of lines in one pass; each file of records is one
shard. Shards and their batches do not depend on the runner or the number of
workers.
"""

import hashlib
from dataclasses import dataclass, field

from apache_beam.io.filesystem import CompressionTypes
from apache_beam.io.filesystems import FileSystems

from keras_lpips.atomic_files import ESCAPE
from keras_lpips_cli.errors import UserError
from pipelines.filesystems import list_files, match_files
from pipelines.image_io.matching import match
from pipelines.scoring.config import ScoringConfig
from pipelines.scoring.pairs import (
    MASK,
    RECORD_COLUMNS,
    Span,
    is_records,
    path_columns,
    read_header,
)

LIST_SUFFIX = ".csv"
# The list of the pairs of two patterns, in the output's folder.
MATCHED_LIST = "pairs.csv"


@dataclass(frozen=True)
class Plan:
    """The shards of a job.

    Attributes:
        spans: the pairs of each shard.
        digest: sha256 of the lists; for records, of their files' paths,
            sizes and times of modification, since reading them all would take
            as long as the job.
        unmatched: for two patterns, how many images of each role have no
            partner; these are failed pairs.
        skipped: for two patterns, the files of each role that are not images.
    """

    spans: tuple[Span, ...]
    digest: str
    unmatched: dict[str, int] = field(default_factory=dict)
    skipped: dict[str, list[str]] = field(default_factory=dict)


def make_plan(config: ScoringConfig) -> Plan:
    """Plans the shards; writes the list of the pairs of two patterns.

    Raises:
        UserError: there are no pairs, or `--pairs` is neither lists, nor
            records, nor two patterns.
        OSError: the input cannot be read.
    """
    pairs = config.pairs
    unmatched: dict[str, int] = {}
    skipped: dict[str, list[str]] = {}
    if pairs.count(",") == 1 and not FileSystems.exists(pairs):
        matched = FileSystems.join(config.output, MATCHED_LIST)
        references, distorted = pairs.split(",")
        unmatched, skipped = match(references, distorted, matched)
        files = [matched]
    else:
        files = list_files(pairs)
    if not files:
        raise UserError(f"{pairs} does not exist.")
    kinds = {is_records(path) for path in files}
    lists = all(path.lower().endswith(LIST_SUFFIX) for path in files)
    if len(kinds) > 1 or not (kinds == {True} or lists):
        raise UserError(
            "--pairs must be a list (.csv), records (.tfrecord), or two "
            f"patterns with a comma between them. Received: {pairs}"
        )
    digest = hashlib.sha256()
    if kinds == {True}:
        spans = [Span(path, columns=RECORD_COLUMNS) for path in files]
        digest.update(_file_stats(pairs))
    else:
        spans = [
            span
            for path in files
            for span in _cut(path, config.shard_pairs, digest)
        ]
    if not spans:
        raise UserError(f"{pairs} lists no pairs.")
    if any(MASK in span.columns for span in spans):
        for given, who in (
            (
                config.server,
                "a server takes no masks: score it without --server",
            ),
            (config.metric == "dists", "DISTS takes no masks"),
        ):
            if given:
                raise UserError(f"{pairs} has a column {MASK!r}, and {who}.")
    return Plan(tuple(spans), digest.hexdigest(), unmatched, skipped)


def _file_stats(pattern):
    """Returns paths, sizes and modification times of files."""
    return "".join(
        f"{file.path} {file.size_in_bytes} {file.last_updated_in_seconds}\n"
        for file in match_files(pattern)
    ).encode(errors=ESCAPE)


def _cut(path, shard_pairs, digest):
    """Cuts a list into spans of lines."""
    spans = []
    with FileSystems.open(
        path, compression_type=CompressionTypes.UNCOMPRESSED
    ) as file:
        columns = path_columns(read_header(file, path))
        start = at = file.tell()
        count = blank = 0
        for line in file:
            digest.update(line)
            at += len(line)
            # Blank lines count as failed pairs, except those at the end.
            if not line.strip():
                blank += 1
                continue
            count += 1 + blank
            blank = 0
            if count >= shard_pairs:
                spans.append(Span(path, start, count, columns))
                start, count = at, 0
    if count:
        spans.append(Span(path, start, count, columns))
    return spans
