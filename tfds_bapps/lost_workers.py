"""Notices that a worker process of Beam's direct runner has died.

The runner's own thread reports such a death and ends, while the pipeline
waits for the dead worker's answer for ever.
"""

import _thread
import contextlib
import threading
from collections.abc import Iterator

# What `apache_beam.runners.portability.local_job_service` raises in it.
_REPORT = "Worker subprocess exited"


class WorkerLost(Exception):
    """A worker process ended before its work was done."""


@contextlib.contextmanager
def noticed() -> Iterator[None]:
    """Turns the death of a worker process into an exception.

    It interrupts the main thread, so it can do so only there; in any other
    thread nothing changes.

    Raises:
        WorkerLost: a worker process ended with an error status.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    lost = []
    usual_hook = threading.excepthook

    def hook(failure):
        if not str(failure.exc_value).startswith(_REPORT):
            usual_hook(failure)
        elif not lost:
            lost.append(str(failure.exc_value))
            _thread.interrupt_main()

    threading.excepthook = hook
    try:
        yield
    except KeyboardInterrupt:
        if not lost:
            raise
        raise WorkerLost(lost[0]) from None
    finally:
        threading.excepthook = usual_hook
