"""Commands one after the other, taken up again where they were stopped.

Each runs in a process of its own. What it prints is passed on; what it logs,
TensorFlow's lines among that, goes into a file.
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

STATE = "steps.json"
LOGS = "logs"
INDENT = "    "


class StepError(RuntimeError):
    """A step failed; the message says which, why and where its log is."""


@dataclass(frozen=True)
class Step:
    """A command, and what it leaves.

    Attributes:
        name: of the step and of its log.
        title: what it does.
        command: arguments of the Python interpreter.
        output: the file or folder that it makes.
        whole: whether that appears whole or not at all. If not, the command
            is repeated after a kill, and may go on with what is there.
    """

    name: str
    title: str
    command: tuple[str, ...]
    output: Path
    whole: bool = False


def run_steps(steps, folder) -> None:
    """Runs those of the steps that are not done, and prints how long they took.

    A step is done again when its command has changed, what it made is not
    there, or a step before it was done again.

    Args:
        steps: `Step`s, each of which may read what earlier ones made.
        folder: where state and logs are kept.

    Raises:
        StepError: if a command fails, or the folder holds something else.
    """
    _begin(folder)
    with open(folder / ".lock", "w") as lock:
        _take(lock, folder)
        state = read_state(folder)
        above = []
        for number, step in enumerate(steps, start=1):
            print(f"{number}/{len(steps)} {step.title}", flush=True)
            key = _digest([*above, *step.command])
            held = state.get(step.name, {})
            if held.get("key") != key:
                if step.output.exists():
                    print(f"{INDENT}made anew: {step.output}", flush=True)
                _remove(step.output)
                held = {"key": key, "command": step.command}
            done = "made" in held or step.whole
            if done and step.output.exists():
                print(f"{INDENT}there already: {step.output}", flush=True)
            else:
                if step.output.exists():
                    print(f"{INDENT}goes on in {step.output}", flush=True)
                held.pop("made", None)
                # Before it is begun, so that a change is noticed after a kill.
                _write_state(folder, state | {step.name: held})
                held["seconds"] = _execute(step, folder, lock)
                print(f"{INDENT}{held['seconds']:.1f} s", flush=True)
            held.setdefault("made", datetime.now().isoformat(" "))
            state[step.name] = held
            _write_state(folder, state)
            above = [key, held["made"]]


def read_state(folder) -> dict:
    """Returns what is known of each step, by name.

    `key` of what it was begun with; once it is done, `made`, when; and
    `seconds` that it took, unless that was not seen.
    """
    return json.loads((folder / STATE).read_text())


def _begin(folder):
    """Makes the folder; refuses one with other things, which may be lost."""
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / STATE).exists():
        if any(folder.iterdir()):
            raise StepError(
                f"{folder} holds what was not made here; name another folder, "
                "or delete it"
            )
        _write_state(folder, {})
    (folder / LOGS).mkdir(exist_ok=True)


def _take(lock, folder):
    """Waits for another run, or for a process that a killed one has left."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        print(f"Another run is at work in {folder}; waiting.", flush=True)
        fcntl.flock(lock, fcntl.LOCK_EX)


def _execute(step, folder, lock) -> float:
    start = time.monotonic()
    log = folder / LOGS / f"{step.name}.log"
    with (
        open(log, "w") as file,
        subprocess.Popen(
            [sys.executable, *step.command],
            stdout=subprocess.PIPE,
            stderr=file,
            text=True,
            errors="replace",
            env=os.environ
            | {"PYTHONUNBUFFERED": "1", "TF_CPP_MIN_LOG_LEVEL": "3"},
            # Held by the command, too: it outlives a killed run for a while.
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
        said = [line for line in log.read_text().splitlines() if line.strip()]
        raise StepError(
            f"{step.name} failed with status {status}: "
            f"{said[-1] if said else 'it said nothing'} ({log})"
        )
    return time.monotonic() - start


def _digest(words):
    return hashlib.sha256(json.dumps(words).encode()).hexdigest()


def _remove(path):
    incomplete = path.with_name(f"{path.name}.incomplete")
    for left in (path, incomplete):
        if left.is_dir():
            shutil.rmtree(left)
        else:
            left.unlink(missing_ok=True)


def _write_state(folder, state):
    # As `keras_lpips.atomic_files` does, without which no TensorFlow is loaded.
    partial = folder / f"{STATE}.partial"
    partial.write_text(json.dumps(state, indent=2) + "\n")
    partial.replace(folder / STATE)
