"""Work that is cut into tasks, done with Beam, and repeated until all is done.

A task writes its result as a file, its report, and is done when that file is
there. Nothing comes back through Beam, so a runner's lost, repeated or
speculative bundles cannot change the outcome.
"""

import contextlib
import json
import logging
import re
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

import apache_beam as beam
from apache_beam.io.filesystems import FileSystems
from apache_beam.metrics import Metrics
from apache_beam.options.pipeline_options import (
    PipelineOptions,
    StandardOptions,
    TypeOptions,
)

from pipelines.filesystems import (
    exists,
    list_files,
    read_bytes,
    write_bytes,
)
from tfds_bapps.source.errors import PreparationError
from tfds_bapps.writing import lost_workers
from tfds_bapps.writing.pipeline import ATTEMPTS, check_threads, direct_runner

PROGRESS_SECONDS = 20.0
# Reports that are looked for at once: a store far away answers late.
LOOKERS = 16
# What Beam adds to the message of an exception on its way to the driver.
_BEAMS_WORDS = re.compile(r" \[while running .*|, pt: .*", re.S)

_log = logging.getLogger(__name__)


class HasReport(Protocol):
    """A piece of work that some transform does.

    Attributes:
        report_path: the file that says that it is done.
    """

    report_path: str


class Task(HasReport, Protocol):
    """A piece of work that does itself."""

    @staticmethod
    def prepare() -> None:
        """Loads what is slow to load, once in each process."""

    def perform(self) -> dict:
        """Does the work and returns its report, which JSON can hold.

        Equal tasks return equal reports, however often they are done. Beam
        counts the whole numbers in it, where a pipeline does the task.
        """


class Perform(beam.PTransform):
    """Performs a `PCollection` of tasks; the result is empty.

    Args:
        prepare: called once in each worker, before its first task.
    """

    def __init__(self, prepare):
        super().__init__()
        self._prepare = prepare

    def expand(self, tasks):
        """Spreads the tasks over the workers."""
        return (
            tasks
            | "Spread" >> beam.Reshuffle()
            | "Perform" >> beam.ParDo(_PerformTask(self._prepare))
        )


class _PerformTask(beam.DoFn):
    def __init__(self, prepare):
        self._prepare = prepare

    def setup(self):
        self._prepare()

    def process(self, task):
        # A repeated bundle finds what the first one has finished.
        if read_report(task) is None:
            note(task, task.perform())


class NoteReport(beam.DoFn):
    """Writes the report of a task that a transform has done.

    Takes pairs of the task and its report, and returns nothing.
    """

    def process(self, done):
        """Writes the report, once."""
        task, report = done
        if not exists(task.report_path):
            note(task, report)


def note(task: HasReport, report: dict) -> None:
    """Writes a report, and counts in Beam the whole numbers in it."""
    write_bytes(task.report_path, json.dumps(report).encode())
    for name, value in report.items():
        if isinstance(value, int):
            Metrics.counter(type(task).__name__, name).inc(value)


def read_report(task: HasReport) -> dict | None:
    """The report of a task, or `None` if it is not done."""
    if not exists(task.report_path):
        return None
    return json.loads(read_bytes(task.report_path))


def read_reports(tasks: Sequence[HasReport]) -> list[dict | None]:
    """The reports of tasks, in their order; `None` for those not done."""
    with ThreadPoolExecutor(LOOKERS) as lookers:
        return list(lookers.map(read_report, tasks))


def perform_all(
    tasks: Sequence[HasReport],
    options: PipelineOptions | None = None,
    attempts: int = ATTEMPTS,
    transform: beam.PTransform | None = None,
) -> list[dict]:
    """Performs tasks with Beam, again those that lost workers left undone.

    One task that does itself is done here, without a pipeline.

    Args:
        tasks: what to do.
        options: Beam's options. Defaults to its runner in this process.
        attempts: how many pipelines are run at most.
        transform: does a `PCollection` of tasks and writes their reports.
            Defaults to `Perform`, for tasks that do themselves.

    Returns:
        The reports, in the order of `tasks`.

    Raises:
        PreparationError: tasks are still not done after the last attempt.
    """
    options = options or PipelineOptions(flags=[])
    check_threads(options)
    options.view_as(TypeOptions).pipeline_type_check = False
    runner = None
    if options.view_as(StandardOptions).runner is None:
        runner = direct_runner(options)
    failure = None
    for attempt in range(attempts):
        reports = read_reports(tasks)
        undone = [
            task
            for task, report in zip(tasks, reports, strict=True)
            if report is None
        ]
        if not undone:
            break
        if len(tasks) == 1 and transform is None:
            # Starting workers would take longer.
            tasks[0].prepare()
            note(tasks[0], tasks[0].perform())
            break
        if attempt:
            _log.warning(
                "%d of %d tasks are not done; they are done again: %s",
                len(undone),
                len(tasks),
                failure,
            )
        todo = transform or Perform(tasks[0].prepare)
        failure = _run(undone, todo, runner, options)
    reports = read_reports(tasks)
    missing = reports.count(None)
    if missing:
        raise PreparationError(
            f"{missing} of {len(tasks)} tasks are not done after {attempts} "
            f"attempts: {_sentence(failure)}"
        ) from failure
    return reports


def _run(tasks, transform, runner, options):
    """Runs one pipeline; returns the failure that another run may mend."""
    try:
        pipeline = beam.Pipeline(runner=runner, options=options)
        with (
            lost_workers.raise_on_worker_exit(),
            progress(tasks),
            _cancelled_when_interrupted(pipeline),
            pipeline,
        ):
            _ = pipeline | "Tasks" >> beam.Create(tasks) | transform
    except Exception as error:
        # Runners pass on a worker's exception as text, or as another type.
        return error
    return None


@contextlib.contextmanager
def _cancelled_when_interrupted(pipeline):
    """Cancels the job, which a cluster would go on with."""
    try:
        yield
    except KeyboardInterrupt:
        if pipeline.result is not None:
            try:
                pipeline.result.cancel()
            except Exception as error:
                _log.warning("the job cannot be cancelled: %s", error)
        raise


def _sentence(failure):
    """The last line of a failure, which may be a worker's whole traceback."""
    lines = _BEAMS_WORDS.sub("", str(failure or "")).strip().splitlines()
    return lines[-1] if lines else "the runner reported no failure"


@contextlib.contextmanager
def progress(
    tasks: Sequence[HasReport], seconds: float = PROGRESS_SECONDS
) -> Iterator[None]:
    """Logs from time to time how many tasks are done, on any runner."""
    over = threading.Event()

    def log():
        while not over.wait(seconds):
            # Split, a relative path becomes absolute, as those listed are.
            missing = {FileSystems.split(task.report_path) for task in tasks}
            for folder in {folder for folder, _ in missing}:
                files = list_files(FileSystems.join(folder, "*"))
                missing.difference_update(map(FileSystems.split, files))
            done = len(tasks) - len(missing)
            _log.info("%d of %d tasks are done", done, len(tasks))

    thread = threading.Thread(target=log, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
