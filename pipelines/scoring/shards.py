"""One shard of the results: the unit of work, and to Beam one batch.

It is planned by the driver and read, batched and scored as a stream, so its
bytes depend on the input and the settings, never on a runner, on the number
of workers, or on how often and where it is written.
"""

import contextlib
from dataclasses import dataclass

from pipelines.filesystems import replacing, write_bytes
from pipelines.scoring.batching import read_batches
from pipelines.scoring.model import Model
from pipelines.scoring.pairs import Span, columns_of, read_pairs
from pipelines.scoring.results import FORMATS, MapFile, to_csv

DISTANCE, MAP, REASON = "distance", "map", "reason"


@dataclass(frozen=True)
class Style:
    """How pairs are scored, and what is written.

    Attributes:
        net: "alex", "vgg" or "squeeze".
        version: "0.1" or "0.0".
        calibrated: whether the heads are used.
        resize: `(height, width)` in pixels, or `None`.
        format: one of `FORMATS`.
        maps: whether distances per pixel are written, too.
        batch_pixels: of one side of a batch, at most.
    """

    net: str
    version: str
    calibrated: bool
    resize: tuple[int, int] | None
    format: str
    maps: bool
    batch_pixels: int


@dataclass(frozen=True)
class Shard:
    """A shard to be written.

    Attributes:
        folder: of the results.
        number: which shard it is.
        of: how many there are.
        span: the pairs.
    """

    folder: str
    number: int
    of: int
    span: Span

    @property
    def report_path(self) -> str:
        """The file that says that the shard is done."""
        return self.path_of("report", "json")

    def path_of(self, what: str, suffix: str) -> str:
        """The shard's file of scores, maps, bad pairs, or its report."""
        name = f"{what}-{self.number:05}-of-{self.of:05}.{suffix}"
        return f"{self.folder.rstrip('/')}/{name}"


@dataclass(frozen=True)
class Scoring:
    """The work on shards: `load` and `perform` are for `run_tasks`.

    Attributes:
        style: how pairs are scored.
        threads: of TensorFlow in each process; 0 leaves them to it.
    """

    style: Style
    threads: int = 0

    def load(self) -> Model:
        """Loads the model and warms it up."""
        style = self.style
        return Model(
            style.net,
            style.version,
            style.calibrated,
            style.maps,
            self.threads,
        )

    def perform(self, shard: Shard, model: Model) -> dict:
        """Scores a shard and writes what came of it.

        Returns:
            `scored` and `bad`, numbers of pairs, and `sum`, of the distances.
        """
        style = self.style
        names, faults, scored = [], {}, {}
        with contextlib.ExitStack() as stack:
            maps = None
            if style.maps:
                path = shard.path_of("maps", "npz")
                maps = MapFile(stack.enter_context(replacing(path)))
            for batch in read_batches(
                _noting_names(read_pairs(shard.span), names),
                style.resize,
                model.smallest_size,
                style.batch_pixels,
                faults,
                self.threads,
            ):
                distances, heats = model.score(batch)
                scored |= zip(batch.positions, distances, strict=True)
                if maps:
                    for at, heat in zip(batch.positions, heats, strict=True):
                        maps.add(str(at), heat)
            if maps:
                maps.close()
        _write(shard, style, names, scored, faults)
        return {
            "scored": len(scored),
            "bad": len(faults),
            "sum": sum(float(scored[position]) for position in sorted(scored)),
        }


def _noting_names(pairs, names):
    for pair in pairs:
        names.append(pair.name)
        yield pair


def _write(shard, style, names, scored, faults):
    columns = (*columns_of(shard.span.path), DISTANCE)
    rows = [(*names[i], scored[i]) for i in sorted(scored)]
    if style.maps:
        columns += (MAP,)
        rows = [
            (*row, str(i)) for i, row in zip(sorted(scored), rows, strict=True)
        ]
    data = FORMATS[style.format](columns, rows)
    write_bytes(shard.path_of("scores", style.format), data)
    if faults:
        bad = [(*names[i], faults[i]) for i in sorted(faults)]
        columns = (*columns_of(shard.span.path), REASON)
        write_bytes(shard.path_of("bad", "csv"), to_csv(columns, bad))
