"""One shard of the scores: the unit of work.

It is planned by the driver and processed as a stream. Its bytes depend on the
input and the config, not on the runner, the number of workers or retries.
"""

import contextlib
from dataclasses import dataclass

import numpy as np
from apache_beam.io.filesystems import FileSystems

from pipelines.execution import FILES, digest_bytes
from pipelines.filesystems import open_atomic, write_bytes
from pipelines.scoring.model import Model
from pipelines.scoring.pairs import Span, read_pairs
from pipelines.scoring.results import FORMATS, MapFile, to_csv
from pipelines.scoring.served_model import ServedModel

DISTANCE, MAP, REASON = "distance", "map", "reason"


@dataclass(frozen=True)
class Shard:
    """A shard to write.

    Attributes:
        folder: folder of the scores.
        number: index of the shard.
        count: number of shards.
        span: its pairs.
    """

    folder: str
    number: int
    count: int
    span: Span

    @property
    def report_path(self) -> str:
        """The file whose existence marks the shard as done."""
        return self.path("report", "json")

    def path(self, what: str, suffix: str) -> str:
        """Returns the path of the scores, maps, failed pairs or report."""
        name = f"{what}-{self.number:05}-of-{self.count:05}.{suffix}"
        return f"{self.folder.rstrip('/')}/{name}"


def score_shard(shard: Shard, model: Model | ServedModel) -> dict:
    """Scores a shard and writes its files.

    Args:
        shard: the shard.
        model: here, or on a server.

    Returns:
        The report: `scored` and `failed`, numbers of pairs, `sum`, of the
        distances, and the files; see `pipelines.execution.forget_damaged`.
    """
    config = model.config
    names: list[tuple[str, ...]] = []
    errors: dict[int, str] = {}
    scored: dict[int, np.float32] = {}
    with contextlib.ExitStack() as stack:
        maps = None
        if config.maps:
            path = shard.path("maps", "npz")
            file = stack.enter_context(open_atomic(path))
            maps = stack.enter_context(MapFile(file))
        for positions, distances, spatial in model.score_pairs(
            _record_names(read_pairs(shard.span), names), errors
        ):
            scored |= zip(positions, distances, strict=True)
            if maps and spatial is not None:
                for at, distance in zip(positions, spatial, strict=True):
                    maps.add(str(at), distance)
    files = _write(shard, config, names, scored, errors)
    return {
        "scored": len(scored),
        "failed": len(errors),
        "sum": sum(float(scored[at]) for at in sorted(scored)),
        FILES: files,
    }


def _record_names(pairs, names):
    for pair in pairs:
        names.append(pair.name)
        yield pair


def _write(shard, config, names, scored, errors):
    """Writes tables; returns the digests of files by name, the map's size."""
    columns = (*shard.span.columns, DISTANCE)
    rows = [(*names[i], scored[i]) for i in sorted(scored)]
    if config.maps:
        columns += (MAP,)
        rows = [
            (*row, str(i)) for i, row in zip(sorted(scored), rows, strict=True)
        ]
    data = FORMATS[config.format](columns, rows)
    tables = {shard.path("scores", config.format): data}
    if errors:
        failed = [(*names[i], errors[i]) for i in sorted(errors)]
        columns = (*shard.span.columns, REASON)
        tables[shard.path("failed", "csv")] = to_csv(columns, failed)
    files: dict[str, str | int] = {}
    for path, data in tables.items():
        write_bytes(path, data)
        files[FileSystems.split(path)[1]] = digest_bytes(data)
    if config.maps:
        path = shard.path("maps", "npz")
        # Too large to be read again.
        found = FileSystems.match([path])[0].metadata_list[0]
        files[FileSystems.split(path)[1]] = found.size_in_bytes
    return files
