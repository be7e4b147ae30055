"""Commands one after the other, and again after a kill."""

import fcntl
import subprocess
import sys

import pytest

from examples.steps import Step, StepError, read_state, run_steps


def writing(path, text="done", above=None, **options):
    """A step that writes a file, of a text and of the file of another."""
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
    assert said.count("there already") == 2
    assert "said" not in said
    assert read_state(tmp_path) == before


def test_a_changed_step_is_done_again_with_all_that_follow(tmp_path, capfd):
    a, b, c = (tmp_path / name for name in "abc")
    run_steps([writing(a), writing(b), writing(c, above=b)], tmp_path)
    capfd.readouterr()
    run_steps([writing(a), writing(b, "new"), writing(c, above=b)], tmp_path)
    said = capfd.readouterr().out
    assert f"there already: {a}" in said
    assert f"made anew: {b}" in said
    assert f"made anew: {c}" in said
    assert c.read_text() == "donenew"


def test_what_was_deleted_is_made_again(tmp_path, capfd):
    a, b = tmp_path / "a", tmp_path / "b"
    steps = [writing(a), writing(b)]
    run_steps(steps, tmp_path)
    a.unlink()
    capfd.readouterr()
    run_steps(steps, tmp_path)
    assert a.read_text() == "done"
    assert f"made anew: {b}" in capfd.readouterr().out


def test_a_failure_names_its_log_and_nothing_follows(tmp_path):
    code = "open('half', 'w').close(); print('x'); raise SystemExit('no luck')"
    half = tmp_path / "half"
    code = code.replace("half", str(half))
    steps = [
        Step("bad", "Fail", ("-c", code), half),
        writing(tmp_path / "next"),
    ]
    with pytest.raises(StepError, match=r"status 1: no luck \(.*bad\.log\)"):
        run_steps(steps, tmp_path)
    assert not (tmp_path / "next").exists()


@pytest.mark.parametrize("whole", [False, True])
def test_a_killed_step_is_repeated_unless_it_left_the_whole(
    whole, tmp_path, capfd
):
    path, log = tmp_path / "demo" / "a", tmp_path / "times"
    folder = path.parent
    code = (
        f"import os, signal; open({str(path)!r}, 'w').close(); "
        f"file = open({str(log)!r}, 'a'); print('x', file=file, flush=True); "
        "os.kill(os.getpid(), signal.SIGKILL) "
        f"if open({str(log)!r}).read() == 'x\\n' else None"
    )
    steps = [Step("a", "Write", ("-c", code), path, whole)]
    with pytest.raises(StepError, match="status -9"):
        run_steps(steps, folder)
    capfd.readouterr()
    run_steps(steps, folder)
    said = capfd.readouterr().out
    assert ("there already" if whole else "goes on in") in said
    assert log.read_text() == ("x\n" if whole else "x\nx\n")


def test_a_folder_with_other_things_is_left_alone(tmp_path):
    other = tmp_path / "a"
    other.write_text("mine")
    with pytest.raises(StepError, match="was not made here"):
        run_steps([writing(other, "new")], tmp_path)
    assert other.read_text() == "mine"


def test_two_runs_do_not_meet(tmp_path, capfd):
    """Nor does one meet a process that a killed one has left."""
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
    assert "Another run is at work" in capfd.readouterr().out
