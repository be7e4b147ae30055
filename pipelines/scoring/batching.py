"""Images fetched and decoded ahead of the model, and put into batches."""

from collections import defaultdict, deque
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice

import numpy as np

from keras_lpips.image_checks import ImageError
from keras_lpips.images import check_pair
from pipelines.filesystems import sentence
from pipelines.scoring.decoding import decode
from pipelines.scoring.pairs import Entry

# A store far away answers late, so that many files are asked for at once; in
# handfuls, since handing a file to a thread costs as much as reading it here.
READERS = 16
HANDFUL = 4
READ_AHEAD_BYTES = 64 << 20
NOT_FOUND = 404
_END = object()


@dataclass(frozen=True)
class Batch:
    """Pairs, or single images, of one size.

    Attributes:
        positions: of the entries in their shard.
        images: references and distorted ones, or single ones; each uint8 RGB,
            `(batch, height, width, 3)`.
    """

    positions: tuple[int, ...]
    images: tuple[np.ndarray, ...]


def read_batches(
    entries: Iterable[Entry],
    resize: tuple[int, int] | None,
    smallest_size: int,
    max_pixels: int,
    faults: dict[int, str],
) -> Iterator[Batch]:
    """Reads entries into batches; one batch is filled while one is used.

    Which entries share a batch depends on the entries alone.

    Args:
        entries: what to read, all pairs or all single images.
        resize: `(height, width)` in pixels, or `None`.
        smallest_size: height and width that the net needs.
        max_pixels: see `batch_by_size`.
        faults: receives a sentence for each position that cannot be used.
    """
    with ThreadPoolExecutor(READERS) as readers:
        fetched = _fetch(entries, readers)
        decoded = _decode(fetched, resize, smallest_size, faults)
        yield from _ahead(batch_by_size(decoded, max_pixels))


def batch_by_size(decoded, max_pixels: int) -> Iterator[Batch]:
    """Groups images by size, holding at most `max_pixels` or one entry.

    The largest group goes when the next entry would be too much.

    Args:
        decoded: positions, and tuples of uint8 arrays `(height, width, 3)`.
        max_pixels: of one side of all entries that are held.
    """
    groups = defaultdict(list)
    held = 0
    for position, images in decoded:
        height, width, _ = images[0].shape
        area = height * width
        while groups and held + area > max_pixels:
            largest = max(
                groups, key=lambda size: len(groups[size]) * size[0] * size[1]
            )
            held -= len(groups[largest]) * largest[0] * largest[1]
            yield _stack(groups.pop(largest))
        groups[height, width].append((position, images))
        held += area
    for group in groups.values():
        yield _stack(group)


def _stack(group):
    positions, entries = zip(*group, strict=True)
    sides = zip(*entries, strict=True)
    return Batch(positions, tuple(map(np.stack, sides)))


def _fetch(entries, readers) -> Iterator[tuple[int, Entry, object]]:
    """Yields positions, entries and their files, or why there are none."""
    numbered = enumerate(entries)
    coming = deque()
    wanted = 1
    while True:
        while len(coming) < wanted:
            handful = list(islice(numbered, HANDFUL))
            if not handful:
                break
            coming.append(readers.submit(_read_handful, handful))
        if not coming:
            return
        read = coming.popleft().result()
        size = sum(sum(map(len, files)) for _, _, files in read)
        wanted = max(1, min(READERS, READ_AHEAD_BYTES // max(1, size)))
        yield from read


def _read_handful(handful):
    return [(position, entry, _read(entry)) for position, entry in handful]


def _read(entry):
    if entry.fault:
        return entry.fault
    try:
        return entry.read()
    except FileNotFoundError as error:
        return f"{error.filename} does not exist"
    except OSError as error:
        return f"it cannot be read: {sentence(error)}"
    except Exception as error:
        # Google's errors are no OSError. Only this one is the pair's fault.
        if getattr(error, "code", None) != NOT_FOUND:
            raise
        return f"it does not exist: {error}"


def _decode(fetched, resize, smallest_size, faults):
    for position, entry, files in fetched:
        if isinstance(files, str):
            faults[position] = files
            continue
        try:
            images = tuple(
                decode(data, path, resize)
                for data, path in zip(files, entry.paths, strict=True)
            )
            if len(images) == 2:
                check_pair(*entry.paths, images)
            if min(images[0].shape[:2]) < smallest_size:
                raise ImageError(
                    f"{entry.paths[0]} must be at least {smallest_size} pixels "
                    "high and wide for this net"
                )
        except ImageError as error:
            faults[position] = str(error)
            continue
        yield position, images


def _ahead(items):
    """Yields items while a thread makes the next one."""
    items = iter(items)
    with ThreadPoolExecutor(1) as maker:
        coming = maker.submit(next, items, _END)
        while (item := coming.result()) is not _END:
            coming = maker.submit(next, items, _END)
            yield item
