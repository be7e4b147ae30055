"""Notices that a worker process of Beam's direct runner has died.

The runner's own thread reports such a death and ends, while the pipeline
waits for the dead worker's answer for ever. A signal wakes it.
"""

import contextlib
import signal
import threading
from collections.abc import Iterator

# What `apache_beam.runners.portability.local_job_service` raises in it.
_REPORT = "Worker subprocess exited"
# Not SIGINT, which is ignored in a shell's background jobs.
_WAKE = getattr(signal, "SIGUSR1", None)


class WorkerLost(Exception):
    """A worker process ended before its work was done."""


@contextlib.contextmanager
def raise_on_worker_exit() -> Iterator[None]:
    """Turns the death of a worker process into an exception.

    Only the main thread can be woken; in any other thread, and where there
    are no such signals, nothing changes.

    Raises:
        WorkerLost: a worker process ended with an error status.
    """
    main = threading.main_thread()
    if threading.current_thread() is not main or _WAKE is None:
        yield
        return
    waiting = threading.Lock()
    lost = []
    usual_hook = threading.excepthook

    def hook(failure):
        if not str(failure.exc_value).startswith(_REPORT):
            usual_hook(failure)
            return
        with waiting:
            if threading.excepthook is hook and not lost:
                lost.append(str(failure.exc_value))
                signal.pthread_kill(main.ident, _WAKE)

    def wake(*_):
        raise WorkerLost(lost[0])

    usual_handler = signal.signal(_WAKE, wake)
    threading.excepthook = hook
    try:
        yield
    finally:
        with waiting:
            threading.excepthook = usual_hook
        signal.signal(_WAKE, usual_handler)
