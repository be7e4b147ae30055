"""Steps run in order, and resume after a kill."""

import fcntl
import subprocess
import sys

import pytest

from examples.demo.steps import Step, read_state, run_steps
from keras_lpips_cli.errors import UserError


def writing(path, text="done", above=None, **options):
    """Returns a step that writes a text and the content of file `above`."""
    read = f"open({str(above)!r}).read()" if above else "''"
    code = (
        "import sys; "
        f"open({str(path)!r}, 'w').write({text!r} + {read}); "
        "print('said'); print('logged', file=sys.stderr)"
    )
    return Step(path.name, f"Write {path.name}", ("-c", code), path, **options)


def test_what_a_step_prints_is_shown_and_what_it_logs_is_not(tmp_path, capfd):
    run_steps([writing(tmp_path / "a")], tmp_path)
    said = capfd.readouterr()
    assert said.out.startswith("1/1 Write a\n    said\n    ")
    assert said.out.endswith(" s\n")
    assert said.err == ""
    assert (tmp_path / "logs" / "a.log").read_text() == "logged\n"


def test_done_steps_are_used_again(tmp_path, capfd):
    steps = [writing(tmp_path / name) for name in "ab"]
    run_steps(steps, tmp_path)
    before = read_state(tmp_path)
    capfd.readouterr()
    run_steps(steps, tmp_path)
    said = capfd.readouterr().out
    assert said.count("done already") == 2
    assert "said" not in said
    assert read_state(tmp_path) == before


def test_a_changed_step_is_done_again_with_all_that_follow(tmp_path, capfd):
    a, b, c = (tmp_path / name for name in "abc")
    run_steps([writing(a), writing(b), writing(c, above=b)], tmp_path)
    capfd.readouterr()
    run_steps([writing(a), writing(b, "new"), writing(c, above=b)], tmp_path)
    said = capfd.readouterr().out
    assert said.count("done already") == 1
    assert f"done already: {a}" in said
    assert c.read_text() == "donenew"


def test_what_was_deleted_is_made_again(tmp_path, capfd):
    a, b = tmp_path / "a", tmp_path / "b"
    steps = [writing(a), writing(b)]
    run_steps(steps, tmp_path)
    a.unlink()
    capfd.readouterr()
    run_steps(steps, tmp_path)
    assert a.read_text() == "done"
    assert "done already" not in capfd.readouterr().out


def test_a_failure_names_its_log_and_nothing_follows(tmp_path):
    code = "open('half', 'w').close(); print('x'); raise SystemExit('no luck')"
    half = tmp_path / "half"
    code = code.replace("half", str(half))
    steps = [
        Step("bad", "Fail", ("-c", code), half),
        writing(tmp_path / "next"),
    ]
    with pytest.raises(UserError, match=r"status 1: no luck \(.*bad\.log\)"):
        run_steps(steps, tmp_path)
    assert not (tmp_path / "next").exists()


@pytest.mark.parametrize("resumable", [False, True])
def test_a_killed_step_resumes_or_starts_anew(resumable, tmp_path):
    folder = tmp_path / "demo"
    path = folder / "a"
    code = (
        "import os, signal; "
        f"file = open({str(path)!r}, 'a'); print('x', file=file, flush=True); "
        f"first = not os.path.exists({str(tmp_path / 'killed')!r}); "
        f"open({str(tmp_path / 'killed')!r}, 'w').close(); "
        "first and os.kill(os.getpid(), signal.SIGKILL)"
    )
    steps = [Step("a", "Write", ("-c", code), path, resumable)]
    with pytest.raises(UserError, match="status -9"):
        run_steps(steps, folder)
    run_steps(steps, folder)
    assert path.read_text() == ("x\nx\n" if resumable else "x\n")


def test_a_folder_with_other_things_is_left_alone(tmp_path):
    other = tmp_path / "a"
    other.write_text("mine")
    with pytest.raises(UserError, match="neither empty"):
        run_steps([writing(other, "new")], tmp_path)
    assert other.read_text() == "mine"


def test_a_run_waits_for_another_in_its_folder(tmp_path, capfd):
    """And for a process that a killed run has left."""
    run_steps([], tmp_path)
    code = "import time; time.sleep(0.5)"
    with open(tmp_path / ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        left = subprocess.Popen(
            [sys.executable, "-c", code], pass_fds=(lock.fileno(),)
        )
    run_steps([writing(tmp_path / "a")], tmp_path)
    with left:
        assert left.wait() == 0
    assert "Waiting for another run" in capfd.readouterr().out
