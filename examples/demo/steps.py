"""Runs commands in order, and resumes where an earlier run stopped.

Each command runs in its own process. Its standard output is printed; its log is
written to a file.
"""

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from keras_lpips_cli.errors import UserError

STATE = "steps.json"
INDENT = "    "


@dataclass(frozen=True)
class Step:
    """A command and its output.

    Attributes:
        name: name of the step and of its log.
        title: its title.
        command: arguments of the Python interpreter.
        output: the file or folder that it writes.
        resumable: whether the command continues with an incomplete output,
            which is deleted otherwise.
    """

    name: str
    title: str
    command: tuple[str, ...]
    output: Path
    resumable: bool = False


def run_steps(steps: list[Step], folder: Path) -> None:
    """Runs the steps that are not done.

    A step is repeated if its command changed, its output is missing, or an
    earlier step was repeated.

    Args:
        steps: each may read the outputs of those before it.
        folder: folder of the state and the logs.

    Raises:
        UserError: if a command fails, or `folder` holds anything else.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / STATE).exists():
        # Its files would be deleted.
        if any(folder.iterdir()):
            raise UserError(
                f"{folder} is neither empty nor a demo's folder; name another"
            )
        _write_state(folder, {})
    with open(folder / ".lock", "w") as lock:
        _acquire(lock, folder)
        state, inputs = read_state(folder), []
        for number, step in enumerate(steps, start=1):
            print(f"{number}/{len(steps)} {step.title}", flush=True)
            key = _digest([*inputs, *step.command])
            record = state.get(step.name, {})
            changed = record.get("key") != key
            if "made" in record and not changed and step.output.exists():
                print(f"{INDENT}done already: {step.output}", flush=True)
            else:
                if changed or not step.resumable:
                    _remove(step.output)
                record = {"key": key, "command": step.command}
                # Written first, so that the next run knows the key of a killed
                # step.
                _write_state(folder, state | {step.name: record})
                record["seconds"] = _execute(step, folder, lock)
                record["made"] = datetime.now().isoformat(" ")
                print(f"{INDENT}{record['seconds']:.1f} s", flush=True)
                state[step.name] = record
                _write_state(folder, state)
            inputs = [key, record["made"]]


def read_state(folder: Path) -> dict[str, dict]:
    """Returns `key`, `command`, `seconds` and `made` of each step, by name."""
    return json.loads((folder / STATE).read_text())


def _write_state(folder, state):
    partial = folder / f"{STATE}.partial"
    partial.write_text(json.dumps(state, indent=2) + "\n")
    partial.replace(folder / STATE)


def _acquire(lock, folder):
    """Waits for other runs and for processes that outlived a run."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        print(f"Waiting for another run in {folder}.", flush=True)
        fcntl.flock(lock, fcntl.LOCK_EX)


def _execute(step, folder, lock) -> float:
    start = time.monotonic()
    log = folder / "logs" / f"{step.name}.log"
    log.parent.mkdir(exist_ok=True)
    quiet = {"PYTHONUNBUFFERED": "1", "TF_CPP_MIN_LOG_LEVEL": "3"}
    with (
        open(log, "w") as file,
        subprocess.Popen(
            [sys.executable, *step.command],
            stdout=subprocess.PIPE,
            stderr=file,
            text=True,
            errors="replace",
            env=os.environ | quiet,
            # The command holds the lock, too: it may outlive a killed run.
            pass_fds=(lock.fileno(),),
        ) as process,
    ):
        try:
            for line in process.stdout:
                print(f"{INDENT}{line}", end="", flush=True)
            status = process.wait()
        except BaseException:
            process.terminate()
            raise
    if status:
        # Usage errors are printed in a frame.
        lines = [x.strip(" ╭╮│╰╯─") for x in log.read_text().splitlines()]
        lines = [line for line in lines if line]
        raise UserError(
            f"{step.name} failed with status {status}: "
            f"{lines[-1] if lines else 'no message'} ({log})"
        )
    return time.monotonic() - start


def _digest(words):
    return hashlib.sha256(json.dumps(words).encode()).hexdigest()


def _remove(path):
    for left in (path, path.with_name(f"{path.name}.incomplete")):
        if left.is_dir():
            shutil.rmtree(left)
        else:
            left.unlink(missing_ok=True)
