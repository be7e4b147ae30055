"""Prefetches encoded images within a memory budget."""

import threading
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Executor
from functools import partial
from queue import SimpleQueue

from keras_lpips.images.validation import ImageError
from pipelines.filesystems import sentence
from pipelines.scoring.config import ModelConfig
from pipelines.scoring.pairs import Entry

# Many files are read concurrently, because remote storage has a high latency;
# several per job, because passing a file to a thread costs as much as reading a
# local one.
READERS = 16
FILES_PER_JOB = 4
NOT_FOUND = 404


class Budget:
    """Limits the bytes that entries hold.

    An entry waits until its bytes fit, unless it is the next to be consumed,
    which prevents deadlocks. At most the limit plus one entry is held.

    Args:
        limit: most bytes.
    """

    def __init__(self, limit: int):
        self._limit = limit
        self._held: dict[int, int] = {}
        self._total = 0
        self._next = 0
        self._closed = False
        self._changed = threading.Condition()

    def __enter__(self):
        """Returns itself."""
        return self

    def __exit__(self, *_):
        """Wakes all waiting threads, which raise `BudgetClosedError`."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def reserve(self, position: int, size: int) -> None:
        """Waits until there is room for more bytes of an entry.

        Raises:
            BudgetClosedError: the budget is closed.
        """
        with self._changed:
            while not self._closed:
                fits = self._total + size <= self._limit
                if fits or position == self._next:
                    self._add(position, size)
                    return
                self._changed.wait()
        raise BudgetClosedError

    def has_room(self) -> bool:
        """Returns whether less than the limit is held."""
        return self._total < self._limit

    def record(self, position: int, size: int) -> None:
        """Counts bytes that an entry already holds."""
        with self._changed:
            self._add(position, size)

    def release(self, position: int) -> None:
        """Releases an entry's bytes; the entry after it is next."""
        with self._changed:
            self._total -= self._held.pop(position, 0)
            self._next = position + 1
            self._changed.notify_all()

    def _add(self, position, size):
        self._held[position] = self._held.get(position, 0) + size
        self._total += size


class BudgetClosedError(Exception):
    """The reader has stopped: its entries are no longer needed."""


def read_ahead(
    entries: Iterable[Entry],
    readers: Executor,
    budget: Budget,
    config: ModelConfig,
) -> Iterator[tuple[int, Entry, tuple[bytes, ...] | str]]:
    """Yields positions, entries, and their files or an error message.

    The caller must release each item before it requests the next.

    Args:
        entries: the entries to read.
        readers: `READERS` threads.
        budget: a new one, which is closed before the readers are.
        config: the limits of a file's bytes, and of the time to read it.
    """
    numbered = enumerate(entries)
    pending: deque[tuple[int, SimpleQueue]] = deque()
    while True:
        while len(pending) < READERS and (budget.has_room() or not pending):
            count, results = _submit_job(numbered, readers, budget, config)
            if not count:
                break
            pending.append((count, results))
        if not pending:
            return
        count, results = pending.popleft()
        for _ in range(count):
            result = results.get()
            if isinstance(result, BaseException):
                raise result
            position = result[0]
            yield result
            del result
            budget.release(position)


def _submit_job(numbered, readers, budget, config):
    """Returns the number of entries being read, and the queue of results."""
    batch, results = [], SimpleQueue()
    for position, entry in numbered:
        budget.record(position, sum(map(len, entry.data or ())))
        batch.append((position, entry))
        if len(batch) == FILES_PER_JOB or not budget.has_room():
            break
    if batch:
        readers.submit(_read_job, batch, budget, config, results)
    return len(batch), results


def _read_job(batch, budget, config, results):
    try:
        for position, entry in batch:
            # No variable here may hold the bytes while the next entry waits.
            reserve = partial(_reserve, budget, position, config.max_file_bytes)
            files = partial(_read, entry, reserve, config.read_seconds)
            results.put((position, entry, files()))
    except BudgetClosedError:
        pass
    except BaseException as error:
        results.put(error)


def _reserve(budget, position, max_bytes, size):
    if size > max_bytes:
        raise ImageError(
            f"the file has {size:,} bytes, and --max-file-bytes allows "
            f"{max_bytes:,}"
        )
    budget.reserve(position, size)


def _read(entry, reserve, seconds):
    """Returns an entry's files, or an error message.

    Any exception of a filesystem is an error of this entry alone.
    """
    if entry.error:
        return entry.error
    try:
        return entry.read(reserve, seconds)
    except FileNotFoundError as error:
        return f"{error.filename} does not exist"
    except OSError as error:
        return f"it cannot be read: {sentence(error)}"
    except (BudgetClosedError, MemoryError):
        raise
    except ImageError as error:
        return str(error)
    except Exception as error:
        # Exceptions of remote storage are not `OSError`.
        if getattr(error, "code", None) == NOT_FOUND:
            return f"it does not exist: {error}"
        return f"it cannot be read: {str(error) or type(error).__name__}"
