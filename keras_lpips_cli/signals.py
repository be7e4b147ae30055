"""Defers Ctrl-C until a step of a loop finishes."""

import signal
import threading
from collections.abc import Iterable, Iterator, Sequence
from typing import TypeVar

Step = TypeVar("Step")


def interruptible(steps: Iterable[Step]) -> Iterator[Step]:
    """Iterates and defers Ctrl-C until the current step finishes.

    Otherwise, `KeyboardInterrupt` could be raised in a library's callback and
    be lost. A second Ctrl-C raises it at once.

    Args:
        steps: any iterable.

    Yields:
        Its items.
    """
    if threading.current_thread() is not threading.main_thread():
        yield from steps
        return
    received = threading.Event()
    usual = signal.getsignal(signal.SIGINT)

    def on_interrupt(number, frame):
        received.set()
        signal.signal(signal.SIGINT, usual)

    # A process that ignores Ctrl-C, such as a background job, keeps ignoring
    # it.
    if callable(usual):
        signal.signal(signal.SIGINT, on_interrupt)
    try:
        for step in steps:
            yield step
            if received.is_set():
                raise KeyboardInterrupt
    finally:
        signal.signal(signal.SIGINT, usual)


def with_progress(steps: Sequence[Step], unit: str) -> Iterator[Step]:
    """Iterates with a progress bar on a terminal; see `interruptible`.

    Args:
        steps: any sequence.
        unit: the name of a step.

    Yields:
        Its items.
    """
    from tqdm import tqdm

    with tqdm(steps, unit=unit, disable=None) as bar:
        yield from interruptible(bar)
