"""What is to be scored: shards, planned from the input alone.

A list is cut into runs of lines by one pass over it; files of records are
shards as they are. So a shard, and every batch inside it, is the same on any
runner and with any number of workers.
"""

import csv
import hashlib
import io
import os
import re
from dataclasses import dataclass

from apache_beam.io.filesystem import CompressionTypes
from apache_beam.io.filesystems import FileSystems

from keras_lpips.output import ESCAPE
from pipelines.filesystems import list_files, write_bytes
from pipelines.scoring.pairs import (
    COLUMNS,
    Span,
    columns_of,
    is_records,
    read_header,
)
from tfds_bapps.problems import PreparationError

LIST_SUFFIX = ".csv"
# The list that two patterns make, in the output's folder.
MADE_LIST = "pairs.csv"


@dataclass(frozen=True)
class Plan:
    """What is to be scored.

    Attributes:
        columns: what names a pair in the results.
        spans: a run of pairs for each shard.
        digest: sha256 of the lists; of records, of their files' places and
            sizes.
    """

    columns: tuple[str, ...]
    spans: tuple[Span, ...]
    digest: str


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
    if pairs.count(",") == 1 and not FileSystems.exists(pairs):
        files = [_write_list(*pairs.split(","), output)]
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
        for meta in FileSystems.match([pairs])[0].metadata_list:
            digest.update(f"{meta.path} {meta.size_in_bytes}\n".encode())
    else:
        spans = [
            span for path in files for span in _cut(path, shard_pairs, digest)
        ]
    if not spans:
        raise PreparationError(f"{pairs} lists no pairs.")
    return Plan(columns_of(files[0]), tuple(spans), digest.hexdigest())


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


def _write_list(first, second, output):
    """Writes the list of the images that two patterns both find."""
    references, distorted = _by_name(first), _by_name(second)
    names = sorted(references.keys() & distorted.keys())
    if not names:
        raise PreparationError(
            f"{first} and {second} have no image name in common."
        )
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows((references[name], distorted[name]) for name in names)
    path = FileSystems.join(output, MADE_LIST)
    write_bytes(path, text.getvalue().encode(errors=ESCAPE))
    return path


def _by_name(pattern):
    """The files by their places below the pattern's fixed folder."""
    fixed = re.match(r"[^*?\[]*", pattern)[0].rpartition("/")[0]
    # A list lies elsewhere, so that its paths are absolute.
    if FileSystems.get_scheme(pattern) is None:
        pattern, fixed = os.path.abspath(pattern), os.path.abspath(fixed)
    return {path[len(fixed) :]: path for path in list_files(pattern)}
