"""Loops that a person's Ctrl-C ends between two steps."""

import signal
import threading


def interruptible(steps):
    """Iterates, and raises `KeyboardInterrupt` after the step it came in.

    Raised at any moment, as Python does, it can come while a library's
    callback runs, and is lost there. A second Ctrl-C is raised at once.

    Args:
        steps: any iterable.

    Yields:
        Its items.
    """
    if threading.current_thread() is not threading.main_thread():
        yield from steps
        return
    came = threading.Event()
    before = signal.getsignal(signal.SIGINT)

    def note(signal_number, frame):
        del signal_number, frame
        came.set()
        signal.signal(signal.SIGINT, before)

    # Whoever has Ctrl-C ignored, as a job in the background, keeps that.
    if before is signal.default_int_handler:
        signal.signal(signal.SIGINT, note)
    try:
        for step in steps:
            yield step
            if came.is_set():
                raise KeyboardInterrupt
    finally:
        signal.signal(signal.SIGINT, before)


def with_progress(steps, unit):
    """Iterates with a progress bar, on a terminal; see `interruptible`.

    Args:
        steps: a sequence.
        unit: the name of a step.

    Yields:
        Its items.
    """
    from tqdm import tqdm

    with tqdm(steps, unit=unit, disable=None) as bar:
        yield from interruptible(bar)
