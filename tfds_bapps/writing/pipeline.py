"""The Beam pipeline that writes shards, and its repetition until all are done.

Elements are shards: names and places of files, never their bytes. Workers
read the source and write shards through file systems; nothing comes back
through Beam, so a runner's lost, repeated or speculative bundles cannot
change the dataset. What counts is which reports exist afterwards.
"""

import logging
import re

import apache_beam as beam
from apache_beam.options.pipeline_options import (
    DirectOptions,
    PipelineOptions,
    StandardOptions,
    TypeOptions,
)
from apache_beam.portability.api import beam_provision_api_pb2
from apache_beam.runners.portability.fn_api_runner import FnApiRunner
from apache_beam.runners.portability.fn_api_runner.fn_runner import (
    ExtendedProvisionInfo,
)

from tfds_bapps.source.errors import PreparationError
from tfds_bapps.writing import lost_workers
from tfds_bapps.writing.shards import Report, Shard, read_report, write_shard

ATTEMPTS = 3
# What workers log, and what they import first.
FOR_WORKERS = (
    "default_sdk_harness_log_level",
    "sdk_harness_log_level_overrides",
    "beam_plugins",
)

_OUR_ERROR = re.compile(
    r"PreparationError: (.+?)(?: \[while running|\\n|$)", re.M
)


class WriteShards(beam.PTransform):
    """Writes a `PCollection` of `Shard`s; the result is empty."""

    def expand(self, shards):
        """Spreads the shards over the workers."""
        return (
            shards
            | "Spread" >> beam.Reshuffle()
            | "Write" >> beam.ParDo(_WriteShard())
        )


class _WriteShard(beam.DoFn):
    def setup(self):
        # The writers need TensorFlow: loaded before the first shard, not
        # inside one.
        import tensorflow  # noqa: F401

    def process(self, shard):
        # A repeated bundle finds what the first one has finished.
        if read_report(shard) is None:
            write_shard(shard)


def write_all(
    shards: list[Shard],
    runner=None,
    options: PipelineOptions | None = None,
    attempts: int = ATTEMPTS,
) -> list[Report]:
    """Writes shards with Beam, again those that lost workers left undone.

    Args:
        shards: what to write.
        runner: a Beam runner or its name. Defaults to the options' runner,
            and without one to the direct runner in this process.
        options: Beam's options.
        attempts: how many pipelines are run at most.

    Returns:
        The reports, in the order of `shards`.

    Raises:
        PreparationError: a source or target cannot be used, or shards are
            still missing after the last attempt.
    """
    options = options or PipelineOptions(flags=[])
    check_threads(options)
    options.view_as(TypeOptions).pipeline_type_check = False
    if runner is None and options.view_as(StandardOptions).runner is None:
        runner = direct_runner(options)
    failure = None
    for attempt in range(attempts):
        undone = [shard for shard in shards if read_report(shard) is None]
        if not undone:
            break
        if attempt:
            logging.warning(
                "%d of %d shards are missing; they are written again: %s",
                len(undone),
                len(shards),
                failure,
            )
        failure = _run(undone, runner, options)
    reports = [read_report(shard) for shard in shards]
    missing = reports.count(None)
    if missing:
        raise PreparationError(
            f"{missing} of {len(shards)} shards are missing after {attempts} "
            f"attempts: {failure or 'the runner reported no failure'}"
        ) from failure
    return reports


def direct_runner(options: PipelineOptions) -> FnApiRunner:
    """Returns Beam's runner in this process and its worker processes.

    It leaves its workers without any options. Those of `FOR_WORKERS` are
    handed to them here.
    """
    # By name, Beam would first try to download another runner.
    given = options.get_all_options(drop_default=True)
    info = beam_provision_api_pb2.ProvisionInfo(retrieval_token="unused")
    info.pipeline_options.update(
        {name: given[name] for name in FOR_WORKERS if name in given}
    )
    return FnApiRunner(provision_info=ExtendedProvisionInfo(info))


def check_threads(options: PipelineOptions) -> None:
    """Raises `PreparationError` for the direct runner's threads."""
    mode = options.view_as(DirectOptions).direct_running_mode
    if mode == "multi_threading":
        raise PreparationError(
            "--direct_running_mode=multi_threading is refused: with it Beam "
            "was seen to lose elements and still report success. Use "
            "multi_processing."
        )


def _run(shards, runner, options):
    """Runs one pipeline; returns the failure that another run may mend."""
    try:
        with lost_workers.raise_on_worker_exit():
            with beam.Pipeline(runner=runner, options=options) as pipeline:
                _ = pipeline | "Shards" >> beam.Create(shards) | WriteShards()
    except PreparationError:
        raise
    except Exception as error:
        # Runners pass on a worker's exception as text, or as another type.
        ours = _OUR_ERROR.search(str(error))
        if ours:
            raise PreparationError(ours[1]) from error
        return error
    return None
