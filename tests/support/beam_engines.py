"""Beam's engines, as flags of a program, and the death of a worker."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil

from tests.support.paths import REPOSITORY
from tests.support.ports import free_port, wait_for_port

START_SECONDS = 60
ONE_PROCESS = ("--direct_running_mode=multi_processing",)
PROCESSES = (*ONE_PROCESS, "--direct_num_workers=2")


def portable(job_service, worker_pool):
    """Flags for a job service whose workers a pool starts."""
    return (
        "--runner=PortableRunner",
        f"--job_endpoint={job_service}",
        "--environment_type=EXTERNAL",
        f"--environment_config={worker_pool}",
    )


@contextlib.contextmanager
def served(command, port, log, environment=None):
    """Runs a server in a process; yields "localhost:PORT" once it listens."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            list(map(str, command)),
            stdout=output,
            stderr=output,
            cwd=REPOSITORY,
            env=environment,
        )
    try:
        wait_for_port(port, process, log, START_SECONDS)
        yield f"localhost:{port}"
    finally:
        process.terminate()
        process.wait()


def python_service(module, log, *flags):
    """Runs a module with its port as last flag; see `served`."""
    port = free_port()
    *flags, port_flag = flags
    command = [sys.executable, "-m", module, *flags, f"{port_flag}={port}"]
    return served(command, port, log, worker_environment())


def worker_environment():
    """Beam's pool starts its workers as "python"; it must be this one."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return os.environ | {"PATH": path, "PYTHONPATH": str(REPOSITORY)}


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
