"""What is to be scored: shards, planned from the input alone.

A list is cut into runs of lines by one pass over it; files of records are
shards as they are. So a shard, and every batch inside it, is the same on any
runner and with any number of workers.
"""

import hashlib
from dataclasses import dataclass, field

from apache_beam.io.filesystem import CompressionTypes
from apache_beam.io.filesystems import FileSystems

from keras_lpips.atomic_files import ESCAPE
from pipelines.filesystems import list_files
from pipelines.image_io.matching import match
from pipelines.scoring.pairs import Span, columns_of, is_records, read_header
from tfds_bapps.source.errors import PreparationError

LIST_SUFFIX = ".csv"
# The list that two patterns make, in the output's folder.
MADE_LIST = "pairs.csv"


@dataclass(frozen=True)
class Plan:
    """What is to be scored.

    Attributes:
        columns: what names a pair in the results.
        spans: a run of pairs for each shard.
        digest: sha256 of the lists; of records, of their files' places,
            sizes and times of modification, since reading them all would take
            as long as the job.
        unmatched: of two patterns, how many images of each role have no
            partner; they are pairs, too, bad ones.
    """

    columns: tuple[str, ...]
    spans: tuple[Span, ...]
    digest: str
    unmatched: dict[str, int] = field(default_factory=dict)


def plan(pairs: str, shard_pairs: int, output: str) -> Plan:
    """Plans the shards.

    Args:
        pairs: a list or records, as a path or a pattern, or two patterns of
            images with a comma between them.
        shard_pairs: pairs of a list in each shard.
        output: folder for the list that two patterns make.

    Raises:
        PreparationError: there are no pairs, or they cannot be told apart.
        OSError: the input cannot be read.
    """
    unmatched = {}
    if pairs.count(",") == 1 and not FileSystems.exists(pairs):
        made = FileSystems.join(output, MADE_LIST)
        unmatched = match(*pairs.split(","), made)
        files = [made]
    else:
        files = list_files(pairs)
    if not files:
        raise PreparationError(f"{pairs} does not exist.")
    kinds = {is_records(path) for path in files}
    lists = all(path.lower().endswith(LIST_SUFFIX) for path in files)
    if len(kinds) > 1 or not (kinds == {True} or lists):
        raise PreparationError(
            "--pairs must be a list (.csv), records (.tfrecord), or two "
            f"patterns with a comma between them. Received: {pairs}"
        )
    digest = hashlib.sha256()
    if kinds == {True}:
        spans = [Span(path) for path in files]
        digest.update(_stated(pairs))
    else:
        spans = [
            span for path in files for span in _cut(path, shard_pairs, digest)
        ]
    if not spans:
        raise PreparationError(f"{pairs} lists no pairs.")
    return Plan(
        columns_of(files[0]), tuple(spans), digest.hexdigest(), unmatched
    )


def _stated(pattern):
    """What a filesystem says of files without their being read."""
    files = FileSystems.match([pattern])[0].metadata_list
    return "".join(
        f"{file.path} {file.size_in_bytes} {file.last_updated_in_seconds}\n"
        for file in sorted(files, key=lambda file: file.path)
    ).encode(errors=ESCAPE)


def _cut(path, shard_pairs, digest):
    """Cuts a list into runs of lines."""
    spans = []
    with FileSystems.open(
        path, compression_type=CompressionTypes.UNCOMPRESSED
    ) as file:
        read_header(file, path)
        start = at = file.tell()
        count = blank = 0
        for line in file:
            digest.update(line)
            at += len(line)
            # Blank lines count as bad pairs, but for those at the end.
            if not line.strip():
                blank += 1
                continue
            count += 1 + blank
            blank = 0
            if count >= shard_pairs:
                spans.append(Span(path, start, count))
                start, count = at, 0
    if count:
        spans.append(Span(path, start, count))
    return spans
