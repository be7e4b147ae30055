"""Loops that Ctrl-C ends between two steps."""

import os
import signal
import threading

import pytest

from keras_lpips_cli.signals import interruptible

pytestmark = pytest.mark.usefixtures("ctrl_c")


def test_ctrl_c_waits_for_the_end_of_the_step():
    begun, finished = [], []
    with pytest.raises(KeyboardInterrupt):
        for step in interruptible(range(5)):
            begun.append(step)
            if step == 2:
                os.kill(os.getpid(), signal.SIGINT)
            finished.append(step)
    assert begun == finished == [0, 1, 2]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_second_ctrl_c_is_raised_at_once():
    finished = []
    with pytest.raises(KeyboardInterrupt):
        for step in interruptible(range(5)):
            for _ in range(2):
                os.kill(os.getpid(), signal.SIGINT)
            finished.append(step)
    assert not finished


def test_all_steps_run_and_the_handler_is_restored():
    assert list(interruptible("abc")) == ["a", "b", "c"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_another_thread_runs_all_steps():
    made = []
    thread = threading.Thread(
        target=lambda: made.extend(interruptible(range(3)))
    )
    thread.start()
    thread.join()
    assert made == [0, 1, 2]
