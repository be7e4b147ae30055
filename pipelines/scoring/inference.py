"""A net's work under Beam's own inference transform."""

from typing import Protocol

import apache_beam as beam
from apache_beam.ml.inference.base import ModelHandler, RunInference

from pipelines.execution import HasReport, NoteReport, read_report


class Work(Protocol):
    """What is done to a shard with a model; it is sent to the workers."""

    def load(self):
        """Returns the model, warmed up; called once in each process."""

    def perform(self, shard: HasReport, model) -> dict:
        """Does the work on a shard and returns its report."""


class Infer(beam.PTransform):
    """Does work on a `PCollection` of shards; the result is empty.

    Args:
        work: what to do.
    """

    def __init__(self, work: Work):
        super().__init__()
        self._work = work

    def expand(self, shards):
        """Spreads the shards over the workers."""
        return (
            shards
            | "Spread" >> beam.Reshuffle()
            | "Infer" >> RunInference(ShardHandler(self._work))
            | "Note" >> beam.ParDo(NoteReport())
        )


class ShardHandler(ModelHandler):
    """Lets a model, of which every process has one, work on shards.

    To Beam a batch is a shard, which is read here as it is worked on: images
    never wait between two steps, and what shares a batch of the model, on
    which the last digits may depend, is fixed by the shard alone.

    Args:
        work: what to do.
    """

    def __init__(self, work: Work):
        super().__init__()
        self._work = work

    def load_model(self):
        """Loads the model."""
        return self._work.load()

    def run_inference(self, batch, model, inference_args=None):
        """Yields the shard and its report."""
        del inference_args
        # A repeated bundle finds what the first one has finished.
        report = read_report(batch)
        if report is None:
            report = self._work.perform(batch, model)
        yield batch, report

    def should_skip_batching(self) -> bool:
        """Since a shard is a batch."""
        return True

    def get_num_bytes(self, batch) -> int:
        """Nothing, since a shard's images are not in it."""
        return 0

    def get_metrics_namespace(self) -> str:
        """Where Beam's counters are found."""
        return "LPIPS"
