"""The executor, on every engine, with tasks that cost nothing."""

import functools
import json
import logging
import os
import signal
import socket
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import grpc
import pytest
from apache_beam.portability.api import (
    beam_job_api_pb2,
    beam_job_api_pb2_grpc,
)

from keras_lpips_cli.errors import UserError
from pipelines import execution
from pipelines import job_service as job_service_module
from pipelines.beam_options import parse_beam_options
from pipelines.execution import TasksFailedError, log_progress, run_tasks
from pipelines.job_service import list_options
from tests.support.beam_engines import (
    ONE_PROCESS,
    PROCESSES,
    interrupted,
    portable,
)
from tests.support.ports import free_port

DOUBLES = [{"double": 2 * n} for n in range(5)]


@dataclass(frozen=True)
class Double:
    """A number to be doubled."""

    report_path: str
    number: int

    @property
    def log(self):
        """A file with a line for each time that the task is run."""
        return Path(self.report_path + ".runs")

    def count_runs(self):
        return len(self.log.read_text().split()) if self.log.exists() else 0


def tasks_in(folder, count=5):
    return [Double(f"{folder}/{n}.json", n) for n in range(count)]


def double(task, _=None):
    with task.log.open("a") as log:
        log.write(f"{os.getpid()}\n")
    return {"double": 2 * task.number}


def double_slowly(task, _):
    time.sleep(0.3)
    return double(task)


def double_without_3(task, _):
    report = double(task)
    if task.number == 3:
        raise RuntimeError("no threes")
    return report


def kill_once(task, _):
    """Kills the worker process in which task 3 runs for the first time."""
    report = double(task)
    if task.number == 3 and task.count_runs() == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return report


def kill_always(task, _):
    double(task)
    os.kill(os.getpid(), signal.SIGKILL)


def name_model(task, model):
    return {"model": model}


def load_model(folder):
    """Returns how many models there were before."""
    count = len(list(Path(folder).glob("load-*")))
    Path(folder, f"load-{count}").touch(exist_ok=False)
    return count


def fail_to_load():
    raise UserError("There are no weights.")


@pytest.fixture
def processes(quiet_workers):
    """Beam's options for two worker processes."""
    return parse_beam_options(PROCESSES)


def test_reports_are_in_the_order_of_the_tasks(tmp_path):
    assert run_tasks(tasks_in(tmp_path), double) == DOUBLES
    assert run_tasks([], double) == []


def test_a_finished_task_is_not_run_again(tmp_path):
    tasks = tasks_in(tmp_path)
    Path(tasks[2].report_path).write_text(json.dumps({"double": -1}))
    assert run_tasks(tasks, double)[2] == {"double": -1}
    assert [task.count_runs() for task in tasks] == [1, 1, 0, 1, 1]


def test_a_process_loads_once(tmp_path):
    load = functools.partial(load_model, tmp_path)
    reports = run_tasks(tasks_in(tmp_path, 12), name_model, load=load)
    assert reports == [{"model": 0}] * 12
    assert len(list(tmp_path.glob("load-*"))) == 1


def test_an_error_of_loading_is_raised_by_the_first_task(tmp_path):
    with pytest.raises(TasksFailedError) as caught:
        run_tasks(tasks_in(tmp_path), double, load=fail_to_load)
    assert str(caught.value) == (
        "5 of 5 tasks are not done: There are no weights."
    )
    assert not list(tmp_path.iterdir())


def test_a_failed_task_is_not_repeated(tmp_path, caplog):
    tasks = tasks_in(tmp_path)
    with pytest.raises(TasksFailedError, match="RuntimeError: no threes$"):
        run_tasks(tasks, double_without_3)
    assert max(task.count_runs() for task in tasks) == 1
    assert tasks[3].count_runs() == 1
    # Whoever mends the program needs to know where.
    assert "in double_without_3" in caplog.text
    assert not list(tmp_path.glob(".*"))
    # The next call finishes what the failure has left.
    assert run_tasks(tasks, double) == DOUBLES


def test_whole_numbers_of_reports_are_counted_when_asked(tmp_path, monkeypatch):
    counted = Counter()

    class FakeCounter:
        def __init__(self, namespace, name):
            self._key = namespace, name

        def inc(self, value):
            counted[self._key] += value

    monkeypatch.setattr("apache_beam.metrics.Metrics.counter", FakeCounter)
    run_tasks(tasks_in(tmp_path), double)
    assert not counted
    (tmp_path / "more").mkdir()
    run_tasks(tasks_in(tmp_path / "more"), double, counters=("double",))
    assert counted == {("Double", "double"): 20}


def test_threads_of_the_direct_runner_are_rejected(tmp_path):
    options = parse_beam_options(["--direct_running_mode=multi_threading"])
    with pytest.raises(UserError, match="seen to lose elements"):
        run_tasks(tasks_in(tmp_path), double, options)


def test_repeated_bundles_run_a_task_once(tmp_path):
    options = parse_beam_options(["--direct_runner_bundle_repeat=2"])
    tasks = tasks_in(tmp_path)
    assert run_tasks(tasks, double, options) == DOUBLES
    assert [task.count_runs() for task in tasks] == [1] * 5


@pytest.mark.slow
@pytest.mark.distributed
# Beam's own thread of the dead worker's connection ends with it.
@pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnhandledThreadExceptionWarning"
)
def test_what_a_killed_worker_leaves_is_run_again(tmp_path, processes, caplog):
    tasks = tasks_in(tmp_path)
    assert run_tasks(tasks, kill_once, processes) == DOUBLES
    assert tasks[3].count_runs() == 2
    assert "tasks are not done; running them again" in caplog.text
    pids = {pid for task in tasks for pid in task.log.read_text().split()}
    assert str(os.getpid()) not in pids


@pytest.mark.slow
@pytest.mark.distributed
@pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnhandledThreadExceptionWarning"
)
@pytest.mark.usefixtures("quiet_workers")
def test_workers_that_die_again_and_again_are_given_up(tmp_path):
    options = parse_beam_options(ONE_PROCESS)
    tasks = tasks_in(tmp_path, 1)
    with pytest.raises(
        TasksFailedError, match="1 of 1 tasks .* after 2 attempts"
    ):
        run_tasks(tasks, kill_always, options)
    assert tasks[0].count_runs() == 2


@pytest.mark.distributed
@pytest.mark.usefixtures("quiet_workers")
def test_a_worker_process_does_not_log_its_steps(tmp_path, capfd):
    options = parse_beam_options(ONE_PROCESS)
    with pytest.raises(TasksFailedError, match="RuntimeError: no threes$"):
        run_tasks(tasks_in(tmp_path), double_without_3, options)
    logged = capfd.readouterr().err
    for step in ("harness starting", "semi_persistent", "unparseable"):
        assert step not in logged


@pytest.mark.slow
@pytest.mark.distributed
@pytest.mark.usefixtures("ctrl_c")
def test_ctrl_c_cancels_the_job_of_a_service_and_a_rerun_finishes_it(
    tmp_path, job_service, worker_pool
):
    options = parse_beam_options(portable(job_service, worker_pool))
    tasks = tasks_in(tmp_path, 20)
    with (
        interrupted(lambda: list(tmp_path.glob("*.json"))),
        pytest.raises(KeyboardInterrupt),
    ):
        run_tasks(tasks, double_slowly, options)
    with grpc.insecure_channel(job_service) as channel:
        service = beam_job_api_pb2_grpc.JobServiceStub(channel)
        (job,) = service.GetJobs(beam_job_api_pb2.GetJobsRequest()).job_info
    assert job.state == beam_job_api_pb2.JobState.CANCELLED
    assert len(list(tmp_path.glob("*.json"))) < len(tasks)
    reports = run_tasks(tasks, double_slowly, options)
    assert reports == [{"double": 2 * n} for n in range(20)]


@pytest.mark.slow
@pytest.mark.distributed
def test_workers_that_see_other_files_are_one_sentence(
    tmp_path, job_service, worker_pool, monkeypatch
):
    (tmp_path / "driver" / "reports").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "driver")
    options = parse_beam_options(portable(job_service, worker_pool))
    with pytest.raises(
        TasksFailedError,
        match="A worker does not see the files .* by absolute paths",
    ):
        run_tasks(tasks_in("reports"), double, options)
    assert list((tmp_path / "driver" / "reports").iterdir()) == []


class OneOption(beam_job_api_pb2_grpc.JobServiceServicer):
    """A job service whose engine has an option of its own."""

    def DescribePipelineOptions(self, request, context):
        return beam_job_api_pb2.DescribePipelineOptionsResponse(
            options=[beam_job_api_pb2.PipelineOptionDescriptor(name="retries")]
        )


def test_options_that_only_the_job_service_knows_are_passed_on():
    server = grpc.server(ThreadPoolExecutor(1))
    beam_job_api_pb2_grpc.add_JobServiceServicer_to_server(OneOption(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        endpoint = f"--job_endpoint=127.0.0.1:{port}"
        parse_beam_options([endpoint, "--retries=3"])
        with pytest.raises(ValueError, match="no option --retrys"):
            parse_beam_options([endpoint, "--retries=3", "--retrys=3"])
    finally:
        server.stop(None)


@pytest.mark.parametrize("answers", [False, True])
def test_what_is_no_job_service_is_named_in_time(answers):
    with socket.create_server(("127.0.0.1", 0)) as server:
        endpoint = f"127.0.0.1:{server.getsockname()[1]}"
        if not answers:
            server.close()
        with pytest.raises(UserError, match=f"answers at {endpoint}.*1 s"):
            list_options(endpoint, seconds=1)


def test_a_job_is_not_planned_without_a_job_service(tmp_path, monkeypatch):
    monkeypatch.setattr(job_service_module, "ANSWER_SECONDS", 1.0)
    options = parse_beam_options(
        ["--runner=PortableRunner", f"--job_endpoint=127.0.0.1:{free_port()}"]
    )
    with pytest.raises(UserError, match="No job service of Beam answers"):
        run_tasks(tasks_in(tmp_path), double, options)
    assert list(tmp_path.glob(".*")) == []


@pytest.mark.parametrize("relative", [False, True])
def test_progress_is_logged(relative, tmp_path, caplog, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "reports"
    folder.mkdir()
    tasks = tasks_in("reports" if relative else folder)
    Path(tasks[0].report_path).write_text("{}")
    with caplog.at_level(logging.INFO, "pipelines"):
        with log_progress(tasks, seconds=0.01):
            time.sleep(0.1)
    assert "1 of 5 tasks are done" in caplog.text


PYTHON = (
    "java.lang.RuntimeException: Error received from SDK harness: "
    "Traceback (most recent call last):\n  File 'x.py', line 3, in process\n"
    "OSError: no weights [while running 'Run']\n\n\tat org.apache.X(Y.java:1)"
)


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        (f"Job failed.\n\tat a.B(C.java:1)\nCaused by: {PYTHON}", "no weights"),
        ("Job aborted: lost\n\nDriver stacktrace:", "Job aborted: lost"),
        ("failed\nCaused by: a\n\tat b\nCaused by: c\n\t... 3 more", "c"),
    ],
)
def test_the_innermost_cause_of_a_java_trace_is_named(
    tmp_path, monkeypatch, text, cause
):
    monkeypatch.setattr(
        execution, "_run_pipeline", lambda *_: (RuntimeError(text), False)
    )
    with pytest.raises(TasksFailedError, match=f"{cause}$"):
        run_tasks(tasks_in(tmp_path), double)
