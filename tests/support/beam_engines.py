"""Beam's engines, as flags of a program, and the death of a worker."""

import contextlib
import os
import signal
import threading
import time
from pathlib import Path

import psutil
import pytest

ONE_PROCESS = ("--direct_running_mode=multi_processing",)
PROCESSES = (*ONE_PROCESS, "--direct_num_workers=2")
FLINK = os.environ.get("FLINK_JOB_SERVER_JAR")
needs_flink = pytest.mark.skipif(
    not FLINK, reason="FLINK_JOB_SERVER_JAR names no job server's jar"
)


def portable(job_service, worker_pool):
    """Flags for a job service whose workers a pool starts."""
    return (
        "--runner=PortableRunner",
        f"--job_endpoint={job_service}",
        "--environment_type=EXTERNAL",
        f"--environment_config={worker_pool}",
    )


def flink(worker_pool):
    """Flags for a Flink inside its job server."""
    return (
        "--runner=FlinkRunner",
        f"--flink_job_server_jar={FLINK}",
        "--environment_type=EXTERNAL",
        f"--environment_config={worker_pool}",
        "--parallelism=2",
    )


@contextlib.contextmanager
def worker_killed(when):
    """Kills one of the direct runner's workers, once `when()` is true.

    Yields a list that receives the id of the process.
    """
    killed = []

    def kill():
        for child in psutil.Process().children(recursive=True):
            with contextlib.suppress(psutil.Error):
                command = child.cmdline()
                is_shell = Path(command[0]).name == "sh"
                if not is_shell and "sdk_worker_main" in str(command):
                    child.kill()
                    killed.append(child.pid)
                    return

    with _done_once(when, kill):
        yield killed


@contextlib.contextmanager
def interrupted(when):
    """Sends this process what Ctrl-C sends, once `when()` is true."""
    with _done_once(when, lambda: os.kill(os.getpid(), signal.SIGINT)):
        yield


@contextlib.contextmanager
def _done_once(when, action):
    over = threading.Event()

    def watch():
        while not when():
            if over.is_set():
                return
            time.sleep(0.01)
        action()

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()
