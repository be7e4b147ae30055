"""The private parts of Beam that are used.

Checked with Beam 2.77.0. Each has a reason:

- `apache_beam.io.tfrecordio._TFRecordUtil` frames single TFRecords. Beam's
  public `ReadFromTFRecord` and `WriteToTFRecord` are transforms, and TFDS and
  TensorFlow use their own filesystems. A shard reads and writes records in a
  file opened by Beam's filesystems.
- `apache_beam.runners.portability.local_job_service` starts the direct
  runner's worker processes. When one dies, a thread of that module raises an
  exception, but the pipeline waits forever.
"""

import contextlib
import signal
import threading
from collections.abc import Iterator
from typing import BinaryIO

from apache_beam.io.tfrecordio import _TFRecordUtil
from apache_beam.runners.portability import local_job_service

# Not SIGINT, which a shell's background jobs ignore.
_WAKE = getattr(signal, "SIGUSR1", None)


class WorkerLostError(Exception):
    """A worker process ended before its work was done."""


def read_tfrecord(file: BinaryIO) -> bytes | None:
    """Reads the next record of a file, `None` at its end.

    Raises:
        ValueError: the file is damaged, or holds something else.
    """
    return _TFRecordUtil.read_record(file)


def write_tfrecord(file: BinaryIO, record: bytes) -> None:
    """Writes a record."""
    _TFRecordUtil.write_record(file, record)


@contextlib.contextmanager
def raise_on_worker_exit() -> Iterator[None]:
    """Raises `WorkerLostError` if a worker of the direct runner dies.

    A signal interrupts the main thread. In other threads, and on systems
    without this signal, the block runs unchanged.
    """
    main = threading.main_thread()
    if threading.current_thread() is not main or _WAKE is None:
        yield
        return
    lock = threading.Lock()
    lost: list[str] = []
    usual_hook = threading.excepthook

    def hook(failure):
        if not _was_raised_in(failure.exc_traceback, local_job_service):
            usual_hook(failure)
            return
        with lock:
            if threading.excepthook is hook and not lost:
                lost.append(str(failure.exc_value))
                signal.pthread_kill(main.ident, _WAKE)

    def wake(*_):
        raise WorkerLostError(lost[0])

    usual_handler = signal.signal(_WAKE, wake)
    threading.excepthook = hook
    try:
        yield
    finally:
        with lock:
            threading.excepthook = usual_hook
        signal.signal(_WAKE, usual_handler)


def _was_raised_in(trace, module):
    """Returns whether the innermost frame of a traceback is in a module."""
    if trace is None:
        return False
    while trace.tb_next is not None:
        trace = trace.tb_next
    return trace.tb_frame.f_globals.get("__name__") == module.__name__
