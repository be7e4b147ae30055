"""Tasks: done once each, done again if lost, and their progress."""

import argparse
import json
import logging
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from pipelines import execution
from pipelines.beam_options import parse_beam_options
from tests.support.beam_engines import ONE_PROCESS
from tfds_bapps.source.errors import PreparationError


@dataclass(frozen=True)
class Double:
    """Doubles a number; fails as often as it is told to."""

    report_path: str
    number: int
    failures: int = 0

    @staticmethod
    def prepare():
        pass

    def perform(self):
        tries = Path(self.report_path + ".tries")
        count = int(tries.read_text()) if tries.exists() else 0
        tries.write_text(str(count + 1))
        if count < self.failures:
            raise RuntimeError("lost")
        return {"double": 2 * self.number}


def tasks_of(folder, **changes):
    return [Double(f"{folder}/{n}.json", n, **changes) for n in range(5)]


def test_every_task_is_done_and_reports_keep_the_order(tmp_path):
    reports = execution.perform_all(tasks_of(tmp_path))
    assert reports == [{"double": 2 * n} for n in range(5)]


def test_what_is_done_is_not_done_again(tmp_path):
    tasks = tasks_of(tmp_path)
    Path(tasks[2].report_path).write_text(json.dumps({"double": -1}))
    assert execution.perform_all(tasks)[2] == {"double": -1}
    assert not Path(tasks[2].report_path + ".tries").exists()


def test_lost_tasks_are_repeated_and_at_last_given_up(tmp_path):
    tasks = tasks_of(tmp_path)
    tasks[3] = Double(tasks[3].report_path, 3, failures=1)
    assert execution.perform_all(tasks)[3] == {"double": 6}
    never = [Double(f"{tmp_path}/x{n}.json", n, failures=99) for n in (0, 1)]
    with pytest.raises(PreparationError, match="2 of 2 tasks are not done"):
        execution.perform_all(never, attempts=2)


@pytest.mark.usefixtures("quiet_workers")
def test_a_worker_process_tells_its_failures_and_not_its_steps(tmp_path, capfd):
    options = parse_beam_options(argparse.ArgumentParser(), ONE_PROCESS)
    never = [Double(f"{tmp_path}/{n}.json", n, failures=9) for n in (0, 1)]
    with pytest.raises(PreparationError, match="RuntimeError: lost"):
        execution.perform_all(never, options, attempts=1)
    said = capfd.readouterr().err
    assert "ERROR:" in said and "RuntimeError: lost" in said
    assert "harness starting" not in said
    assert "semi_persistent" not in said


def test_progress_is_logged(tmp_path, caplog):
    tasks = tasks_of(tmp_path)
    Path(tasks[0].report_path).write_text("{}")
    with caplog.at_level(logging.INFO, "pipelines"):
        with execution.progress(tasks, seconds=0.01):
            time.sleep(0.2)
    assert "1 of 5 tasks are done" in caplog.text


def test_progress_of_a_relative_folder_is_logged(tmp_path, caplog, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("reports").mkdir()
    tasks = tasks_of(Path("reports"))
    Path(tasks[0].report_path).write_text("{}")
    with caplog.at_level(logging.INFO, "pipelines"):
        with execution.progress(tasks, seconds=0.01):
            time.sleep(0.2)
    assert "1 of 5 tasks are done" in caplog.text
