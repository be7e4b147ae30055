"""Reads encoded images ahead of their use, within a budget of bytes."""

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

# A remote store answers late, so many files are read at once; several in each
# job, since handing one file to a thread costs as much as reading it here.
READERS = 16
FILES_PER_JOB = 4
NOT_FOUND = 404


class Budget:
    """Limits the bytes that entries hold.

    An entry waits until its bytes fit, unless it is the next to be used: so
    no two wait for each other, and at most the limit and one entry are held.

    Args:
        limit: in bytes.
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
        """Wakes all waiting threads, which raise `Closed`."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def take(self, position: int, size: int) -> None:
        """Waits until there is room for more bytes of an entry.

        Raises:
            Closed: the budget is closed.
        """
        with self._changed:
            while not self._closed:
                fits = self._total + size <= self._limit
                if fits or position == self._next:
                    self._add(position, size)
                    return
                self._changed.wait()
        raise Closed

    def has_room(self) -> bool:
        """Returns whether less than the limit is held."""
        return self._total < self._limit

    def record(self, position: int, size: int) -> None:
        """Counts bytes that an entry already holds."""
        with self._changed:
            self._add(position, size)

    def free(self, position: int) -> None:
        """Releases an entry's bytes; the entry after it is next."""
        with self._changed:
            self._total -= self._held.pop(position, 0)
            self._next = position + 1
            self._changed.notify_all()

    def _add(self, position, size):
        self._held[position] = self._held.get(position, 0) + size
        self._total += size


class Closed(Exception):
    """The reader has stopped: its entries are no longer needed."""


def read_ahead(
    entries: Iterable[Entry],
    readers: Executor,
    budget: Budget,
    config: ModelConfig,
) -> Iterator[tuple[int, Entry, tuple[bytes, ...] | str]]:
    """Yields positions, entries and their files, or why there are none.

    The caller must drop what is yielded before it asks for the next.

    Args:
        entries: what to read.
        readers: `READERS` threads.
        budget: a new one, which is closed before the readers are.
        config: the limits of a file's bytes, and of the time to read it.
    """
    numbered = enumerate(entries)
    coming: deque[tuple[int, SimpleQueue]] = deque()
    while True:
        while len(coming) < READERS and (budget.has_room() or not coming):
            count, results = _submit_job(numbered, readers, budget, config)
            if not count:
                break
            coming.append((count, results))
        if not coming:
            return
        count, results = coming.popleft()
        for _ in range(count):
            result = results.get()
            if isinstance(result, BaseException):
                raise result
            position = result[0]
            yield result
            del result
            budget.free(position)


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
            # No variable here may keep the bytes while the next entry waits.
            take = partial(_take, budget, position, config.max_file_bytes)
            files = partial(_read, entry, take, config.read_seconds)
            results.put((position, entry, files()))
    except Closed:
        pass
    except BaseException as error:
        results.put(error)


def _take(budget, position, max_bytes, size):
    if size > max_bytes:
        raise ImageError(
            f"the file has {size:,} bytes, and --max-file-bytes allows "
            f"{max_bytes:,}"
        )
    budget.take(position, size)


def _read(entry, take, seconds):
    """Returns an entry's files, or why they cannot be read.

    Whatever a filesystem raises concerns this entry alone.
    """
    if entry.error:
        return entry.error
    try:
        return entry.read(take, seconds)
    except FileNotFoundError as error:
        return f"{error.filename} does not exist"
    except OSError as error:
        return f"it cannot be read: {sentence(error)}"
    except (Closed, MemoryError):
        raise
    except ImageError as error:
        return str(error)
    except Exception as error:
        # Errors of remote stores are no OSError.
        if getattr(error, "code", None) == NOT_FOUND:
            return f"it does not exist: {error}"
        return f"it cannot be read: {str(error) or type(error).__name__}"
