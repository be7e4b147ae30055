"""Runs tasks with Beam: the one executor of all Beam programs.

    reports = run_tasks(shards, score_shard, options, load=load_model)

A task is a small picklable dataclass with a `report_path`. A worker process
calls `load` once, and `work(task, loaded)` for each of its tasks; the returned
dictionary is written to `report_path` as JSON. A task whose report exists is
finished and is never run again. Results do not pass through Beam, so lost,
repeated or speculative bundles cannot change them.

The pipeline is `Create | Reshuffle | ParDo`, on any runner. After a task has
failed, workers skip the remaining tasks, and `run_tasks` raises
`TasksFailedError` without a retry, since the same error would occur again. Only
tasks of a lost worker are retried.
"""

import contextlib
import dataclasses
import hashlib
import json
import logging
import threading
import traceback
import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol

import apache_beam as beam
from apache_beam.io.filesystems import FileSystems
from apache_beam.metrics import Metrics
from apache_beam.options.pipeline_options import (
    DirectOptions,
    PipelineOptions,
    StandardOptions,
    TypeOptions,
)
from apache_beam.utils.shared import Shared

from keras_lpips_cli.errors import UserError
from keras_lpips_cli.program import user_errors
from keras_lpips_cli.state_files import parse_state
from pipelines.beam_internals import raise_on_worker_exit
from pipelines.beam_options import PROCESSES
from pipelines.filesystems import exists, list_files, read_bytes, write_bytes
from pipelines.job_service import job_endpoint, list_options

ATTEMPTS = 3
PROGRESS_SECONDS = 20.0
# Concurrent lookups of reports, because remote storage has a high latency.
LOOKUP_THREADS = 16
# The key of a report under which its files are listed.
FILES = "files"
# Reports that a warning names.
EXAMPLES = 3
_FAILURE_PREFIX = ".failed-"
_TOKEN_PREFIX = ".visible-"
NOT_SHARED = (
    "A worker does not see the files of the process that started the job; name "
    "folders that both see, by absolute paths. Missing there"
)
_DIRECT_RUNNERS = (None, "DirectRunner")
# What Beam appends to the message of a worker's exception.
_BEAM_SUFFIX = " [while running"
# What Java's and Spark's messages hold beside their causes.
_JVM_FRAMES = ("\tat ", "\t... ", "Driver stacktrace:")

_log = logging.getLogger(__name__)
# Beam logs the traceback of the errors that it also raises. Of a task only an
# `OSError` gets there, if not even the failure can be written.
logging.getLogger("apache_beam.runners.common").addFilter(
    lambda record: (
        not (record.exc_info and isinstance(record.exc_info[1], OSError))
    )
)


class Task(Protocol):
    """A unit of work."""

    @property
    def report_path(self) -> str:
        """The file whose existence marks the task as done."""


Work = Callable[[Any, Any], dict]


class TasksFailedError(UserError):
    """Tasks are not done; the message names the cause."""


def run_tasks(
    tasks: Sequence[Task],
    work: Work,
    options: PipelineOptions | None = None,
    *,
    load: Callable[[], Any] | None = None,
    counters: Sequence[str] = (),
    attempts: int = ATTEMPTS,
) -> list[dict]:
    """Runs all tasks that have no report yet.

    Args:
        tasks: the tasks.
        work: picklable function of `(task, loaded)` that returns the task's
            report, a dictionary for JSON. It must be deterministic.
        options: Beam's options. Defaults to the direct runner, in this process.
        load: picklable function that returns an object shared by the tasks of a
            process, such as a model. It is called once in each process; its
            exceptions are raised by the first task. Defaults to `None`, no
            object.
        counters: keys of integers in the report that become Beam counters, in
            the namespace of the task's class.
        attempts: most pipelines to run.

    Returns:
        The reports, in the order of `tasks`.

    Raises:
        TasksFailedError: tasks are not done, with the innermost cause.
        UserError: no job service answers at `--job_endpoint`.
    """
    options = options or PipelineOptions(flags=[])
    check_options(options)
    FileSystems.set_options(options)
    options.view_as(TypeOptions).pipeline_type_check = False
    if options.view_as(StandardOptions).runner in _DIRECT_RUNNERS:
        # Keeps the direct runner from downloading Prism. The pipeline has no
        # triggers, so nothing is unsafe.
        options.view_as(TypeOptions).allow_unsafe_triggers = True
    if endpoint := job_endpoint(options):
        list_options(endpoint)  # Raises within seconds if nothing answers.
    remote = options.view_as(StandardOptions).runner not in _DIRECT_RUNNERS
    error, may_retry, runs, undone = None, True, 0, len(tasks)
    while True:
        reports = read_reports(tasks)
        todo = [
            task
            for task, report in zip(tasks, reports, strict=True)
            if report is None
        ]
        # A pipeline without progress is repeated once, if it raised an error.
        most = attempts if len(todo) < undone else 2 if error else 1
        undone = len(todo)
        if not todo or runs >= min(most, attempts) or not may_retry:
            break
        if runs:
            _log.warning(
                "%d of %d tasks are not done; running them again: %s",
                undone,
                len(tasks),
                _cause_of(error),
            )
        run = _RunTask(work, load, tuple(counters), uuid.uuid4().hex, remote)
        with run.token_beside(todo):
            error, may_retry = _run_pipeline(todo, run, options)
        runs += 1
        if NOT_SHARED in str(error):
            may_retry = False
        failure = run.read_failure(todo)
        if failure is not None:
            raise TasksFailedError(
                f"{_count_undone(tasks)} of {len(tasks)} tasks are not done: "
                f"{failure['cause']}"
            ) from error
    if todo:
        raise TasksFailedError(
            f"{undone} of {len(tasks)} tasks are not done after {runs} "
            f"attempt{'s' * (runs > 1)}: {_cause_of(error)}"
        ) from error
    return [report for report in reports if report is not None]


def check_options(options: PipelineOptions) -> None:
    """Raises `UserError` for the direct runner's threads."""
    mode = options.view_as(DirectOptions).direct_running_mode
    if mode == "multi_threading":
        raise UserError(
            "--direct_running_mode=multi_threading is not supported: with it "
            "Beam was seen to lose elements and still report success. Use "
            "multi_processing."
        )


def read_report(task: Task) -> dict | None:
    """Returns the report of a task, or `None` if it is not done.

    Raises:
        UserError: the report is damaged.
    """
    path = str(task.report_path)
    return parse_state(read_bytes(path), path) if exists(path) else None


def forget_damaged(tasks: Sequence[Task]) -> None:
    """Removes the reports of tasks whose files are missing or changed.

    `run_tasks` then runs these tasks again. Call it before a run continues
    what another has left.

    A report lists its files under `FILES`: names in its folder, with the
    digest that `digest_bytes` returns, or with the size in bytes.
    """
    with ThreadPoolExecutor(LOOKUP_THREADS) as threads:
        damaged = [
            str(task.report_path)
            for task, whole in zip(
                tasks, threads.map(_is_whole, tasks), strict=True
            )
            if not whole
        ]
    if damaged:
        _log.warning(
            "%d tasks are run again, since files of theirs are missing or "
            "changed: %s",
            len(damaged),
            ", ".join(damaged[:EXAMPLES]),
        )
        FileSystems.delete(damaged)


def digest_bytes(data: bytes | memoryview) -> str:
    """Returns the digest of a file's content, as a report lists it."""
    return hashlib.sha256(data).hexdigest()


def _is_whole(task):
    report = read_report(task)
    if report is None:
        return True
    folder, _ = FileSystems.split(str(task.report_path))
    files = report.get(FILES)
    if not isinstance(files, dict):
        return False
    for name, expected in files.items():
        path = FileSystems.join(folder, name)
        if not exists(path):
            return False
        if isinstance(expected, int):
            found = FileSystems.match([path])[0].metadata_list[0].size_in_bytes
        else:
            found = digest_bytes(read_bytes(path))
        if found != expected:
            return False
    return True


def read_reports(tasks: Sequence[Task]) -> list[dict | None]:
    """Returns the reports of tasks, in order; `None` for those not done."""
    with ThreadPoolExecutor(LOOKUP_THREADS) as threads:
        return list(threads.map(read_report, tasks))


def _count_undone(tasks):
    return read_reports(tasks).count(None)


@dataclasses.dataclass
class _Loaded:
    """The shared object of a process, or the exception that `load` raised."""

    value: Any = None
    error: Exception | None = None


class _RunTask(beam.DoFn):
    """Runs a task and writes its report; yields nothing.

    Exceptions are written to a file beside the report, because the runner would
    retry the bundle. Later tasks find the file and are skipped.

    Args:
        work: see `run_tasks`.
        load: see `run_tasks`.
        counters: see `run_tasks`.
        run_id: part of the failure file's name, so that a late worker of an
            earlier run cannot stop this one.
        remote: whether workers may run where other files are.
    """

    def __init__(self, work, load, counters, run_id, remote):
        self._work = work
        self._load = load
        self._counters = counters
        self._run_id = run_id
        self._remote = remote
        self._shared = Shared()
        self._loaded = None

    def setup(self):
        """Loads once per process.

        An exception raised here would be hidden by most runners: Spark reports
        a client that never connected.
        """
        self._loaded = self._shared.acquire(self._load_safely)

    def _load_safely(self):
        try:
            return _Loaded(self._load() if self._load else None)
        except Exception as error:
            return _Loaded(error=error)

    def process(self, task):
        """Runs one task, unless it is done or another one has failed."""
        path = str(task.report_path)
        failure = self.failure_path(path)
        if self._remote and not exists(self._token_path(path)):
            # Raised, since this process cannot see the file of a failure.
            raise UserError(f"{NOT_SHARED}: {self._token_path(path)}")
        # A repeated bundle finds what the first one has finished.
        if exists(path) or exists(failure):
            return
        try:
            if self._loaded.error is not None:
                raise self._loaded.error
            report = self._work(task, self._loaded.value)
            write_bytes(path, json.dumps(report).encode())
        except Exception as error:
            record = {
                "cause": _sentence(error),
                "traceback": traceback.format_exc(),
                "expected": _is_for_users(error),
            }
            try:
                write_bytes(failure, json.dumps(record).encode())
            except OSError:
                # The runner reports the error if no file can be written.
                raise error from None
            return
        for name in self._counters:
            Metrics.counter(type(task).__name__, name).inc(report[name])

    def failure_path(self, report_path: str) -> str:
        """Returns the file that holds a failure beside this report."""
        folder, _ = FileSystems.split(report_path)
        return FileSystems.join(folder, f"{_FAILURE_PREFIX}{self._run_id}.json")

    @contextlib.contextmanager
    def token_beside(self, tasks: Sequence[Task]) -> Iterator[None]:
        """Writes files that workers must see, one beside the reports."""
        if not self._remote:
            yield
            return
        paths = sorted({self._token_path(str(x.report_path)) for x in tasks})
        for path in paths:
            write_bytes(path, b"")
        try:
            yield
        finally:
            FileSystems.delete([path for path in paths if exists(path)])

    def _token_path(self, report_path):
        folder, _ = FileSystems.split(report_path)
        return FileSystems.join(folder, f"{_TOKEN_PREFIX}{self._run_id}")

    def read_failure(self, tasks: Sequence[Task]) -> dict | None:
        """Returns and removes the record of a failure, `None` without one."""
        paths = {self.failure_path(str(task.report_path)) for task in tasks}
        found = [path for path in sorted(paths) if exists(path)]
        if not found:
            return None
        failure = json.loads(read_bytes(found[0]))
        FileSystems.delete(found)
        if not failure["expected"]:
            _log.error("A task failed:\n%s", failure["traceback"])
        return failure


def _run_pipeline(tasks, run, options):
    """Runs one pipeline.

    Returns:
        The exception that it raised, or `None`, and whether another pipeline
        may finish the tasks.
    """
    mode = options.view_as(DirectOptions).direct_running_mode
    # The direct runner executes the job in `run`. Other runners submit it
    # there, and a failed submission would fail again.
    may_retry = mode == PROCESSES
    try:
        pipeline = beam.Pipeline(options=options)
        _ = (
            pipeline
            # Without the reshuffle of `Create`, which would add a stage.
            | "Create" >> beam.Create(tasks, reshuffle=False)
            | "Reshuffle" >> beam.Reshuffle()
            | "Run" >> beam.ParDo(run)
        )
        with raise_on_worker_exit(), log_progress(tasks):
            result = pipeline.run()
            may_retry = True
            with _cancel_when_interrupted(result):
                result.wait_until_finish()
    except Exception as error:
        # Runners convert a worker's exception to text or to another type.
        return error, may_retry
    return None, True


@contextlib.contextmanager
def _cancel_when_interrupted(result):
    """Cancels the job on interruption; a cluster would continue it."""
    try:
        yield
    except (KeyboardInterrupt, SystemExit):
        try:
            result.cancel()
        except Exception as error:
            _log.warning("The job cannot be cancelled: %s", error)
        raise


def _is_for_users(error):
    return isinstance(error, (*user_errors(), OSError, MemoryError))


def _sentence(error):
    """Returns the user's message for an exception of a task."""
    if isinstance(error, OSError) and error.strerror:
        where = f"{error.filename}: " if error.filename else ""
        return f"{where}{error.strerror}"
    if _is_for_users(error) and str(error):
        return str(error)
    return f"{type(error).__name__}: {error}"


def _cause_of(error):
    """Returns the innermost cause in a runner's exception, as one line.

    The exception may be the traceback of a worker or a JVM as text.
    """
    if error is None:
        return (
            "the runner reported no failure; a possible cause is that workers "
            "do not see the same files as this process"
        )
    text, in_python, _ = str(error).partition(_BEAM_SUFFIX)
    lines = [
        line
        for line in text.splitlines()
        if line.strip() and not line.startswith(_JVM_FRAMES)
    ] or [type(error).__name__]
    # The suffix ends a Python exception, the cause of all Java ones before it.
    causes = [
        line
        for line in lines
        if line.startswith("Caused by: ") and not in_python
    ]
    return (causes or lines)[-1].removeprefix("Caused by: ").strip()


@contextlib.contextmanager
def log_progress(
    tasks: Sequence[Task], seconds: float = PROGRESS_SECONDS
) -> Iterator[None]:
    """Logs periodically how many tasks are done, on any runner."""
    over = threading.Event()

    def log():
        while not over.wait(seconds):
            # `split` makes relative paths absolute, as listed paths are.
            missing = {
                FileSystems.split(str(task.report_path)) for task in tasks
            }
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
