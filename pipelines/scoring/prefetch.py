"""Encoded images, fetched ahead of their use within a budget of bytes."""

import threading
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Executor
from functools import partial
from queue import SimpleQueue

from pipelines.filesystems import sentence
from pipelines.scoring.pairs import Entry

# A store far away answers late, so that many files are asked for at once; in
# handfuls, since handing a file to a thread costs as much as reading it here.
READERS = 16
HANDFUL = 4
NOT_FOUND = 404


class Budget:
    """Bytes that entries hold, and a limit to them.

    An entry waits until its bytes fit, unless it is the next to be used: so
    no two wait for each other, and what is held is at most the limit and,
    beyond it, one entry.

    Args:
        limit: in bytes.
    """

    def __init__(self, limit: int):
        self._limit = limit
        self._held = {}
        self._total = 0
        self._next = 0
        self._closed = False
        self._changed = threading.Condition()

    def __enter__(self):
        """Returns itself."""
        return self

    def __exit__(self, *_):
        """Ends all waiting."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def take(self, position: int, size: int) -> None:
        """Waits until there is room for more bytes of an entry.

        Raises:
            Closed: nobody will use them.
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
        """Whether less than the limit is held."""
        return self._total < self._limit

    def note(self, position: int, size: int) -> None:
        """Counts bytes that an entry came with."""
        with self._changed:
            self._add(position, size)

    def free(self, position: int) -> None:
        """Notes that an entry has been used; the one after it is next."""
        with self._changed:
            self._total -= self._held.pop(position, 0)
            self._next = position + 1
            self._changed.notify_all()

    def _add(self, position, size):
        self._held[position] = self._held.get(position, 0) + size
        self._total += size


class Closed(Exception):
    """What is read is no longer wanted."""


def read_ahead(
    entries: Iterable[Entry], readers: Executor, budget: Budget
) -> Iterator[tuple[int, Entry, tuple[bytes, ...] | str]]:
    """Yields positions, entries and their files, or why there are none.

    What is yielded must be let go before the next is asked for.

    Args:
        entries: what to read.
        readers: `READERS` threads.
        budget: a new one, which is closed before the readers are.
    """
    numbered = enumerate(entries)
    coming = deque()
    while True:
        while len(coming) < READERS and (budget.has_room() or not coming):
            count, results = _begin_handful(numbered, readers, budget)
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


def _begin_handful(numbered, readers, budget):
    """Returns how many entries are being read, and where they will come."""
    handful, results = [], SimpleQueue()
    for position, entry in numbered:
        budget.note(position, sum(map(len, entry.data or ())))
        handful.append((position, entry))
        if len(handful) == HANDFUL or not budget.has_room():
            break
    if handful:
        readers.submit(_read_handful, handful, budget, results)
    return len(handful), results


def _read_handful(handful, budget, results):
    try:
        for position, entry in handful:
            # No name here may keep the bytes while the next entry waits.
            take = partial(budget.take, position)
            results.put((position, entry, _read(entry, take)))
    except Closed:
        pass
    except BaseException as error:
        results.put(error)


def _read(entry, take):
    if entry.fault:
        return entry.fault
    try:
        return entry.read(take)
    except FileNotFoundError as error:
        return f"{error.filename} does not exist"
    except OSError as error:
        return f"it cannot be read: {sentence(error)}"
    except Closed:
        raise
    except Exception as error:
        # Google's errors are no OSError. Only this one is the pair's fault.
        if getattr(error, "code", None) != NOT_FOUND:
            raise
        return f"it does not exist: {error}"
