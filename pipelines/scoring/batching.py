"""Reads and decodes images ahead of the model, and groups them in batches."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from keras_lpips.images.masks import to_mask
from keras_lpips.images.reader import check_pair
from keras_lpips.images.validation import ImageError
from pipelines.image_io.decoding import decode
from pipelines.scoring.config import ModelConfig
from pipelines.scoring.pairs import Entry
from pipelines.scoring.prefetch import READERS, Budget, read_ahead

READ_AHEAD_BYTES = 64 << 20
_END = object()


@dataclass(frozen=True)
class Batch:
    """Pairs, or single images, of one size.

    Attributes:
        positions: positions of the entries in their shard.
        images: references and distorted images, or single images; uint8 RGB,
            `(batch, height, width, 3)`. A third array is the masks, float32,
            `(batch, height, width)`, [0, 1].
    """

    positions: tuple[int, ...]
    images: tuple[np.ndarray, ...]


def read_batches(
    entries: Iterable[Entry],
    config: ModelConfig,
    smallest_size: int,
    errors: dict[int, str],
) -> Iterator[Batch]:
    """Reads entries into batches, and prefetches one batch.

    With `threads=1` the process is assumed to have one core, and nothing is
    prefetched: a second thread would compete for the core.

    Which entries share a batch depends on the entries and the config alone.
    Encoded images take at most `READ_AHEAD_BYTES` plus one entry of files or
    two of records.

    Args:
        entries: the entries to read, either pairs or single images.
        config: the size of images and batches, and the model's threads.
        smallest_size: smallest height and width of the net.
        errors: dictionary that receives an error message by position.
    """
    with (
        ThreadPoolExecutor(READERS) as readers,
        Budget(READ_AHEAD_BYTES) as budget,
    ):
        fetched = read_ahead(entries, readers, budget, config)
        decoded = _decode(fetched, config, smallest_size, errors)
        batches = batch_by_size(decoded, config.batch_pixels)
        yield from batches if config.threads == 1 else _ahead(batches)


def batch_by_size(decoded, max_pixels: int) -> Iterator[Batch]:
    """Groups images by size, holding at most `max_pixels` or one entry.

    The largest group is yielded when the next entry would exceed the limit.

    Args:
        decoded: positions, and tuples of uint8 arrays `(height, width, 3)`.
        max_pixels: most pixels held, counting references only.
    """
    groups: dict[tuple[int, int], list] = defaultdict(list)
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


def _decode(fetched, config, smallest_size, errors):
    for position, entry, files in fetched:
        try:
            images = _images_of(entry, files, config, smallest_size)
        except ImageError as error:
            images = None
            errors[position] = str(error)
        # Freed here: the budget releases these bytes when the next entry is
        # read.
        del entry, files
        if images is not None:
            yield position, images


def _images_of(entry, files, config, smallest_size):
    if isinstance(files, str):
        raise ImageError(files)
    images = tuple(
        decode(data, path, config.resize, config.max_pixels)
        for data, path in zip(files, entry.paths, strict=True)
    )
    if len(images) > 1:
        check_pair(*entry.paths[:2], images[:2])
    if len(images) == 3:
        check_pair(entry.paths[0], entry.paths[2], images[::2])
        images = (*images[:2], to_mask(images[2], entry.paths[2]))
    if min(images[0].shape[:2]) < smallest_size:
        raise ImageError(
            f"{entry.paths[0]} must be at least {smallest_size} pixels "
            "high and wide for this net"
        )
    return images


def _ahead(items):
    """Yields items while a thread computes the next one."""
    items = iter(items)
    with ThreadPoolExecutor(1) as maker:
        pending = maker.submit(next, items, _END)
        while (item := pending.result()) is not _END:
            pending = maker.submit(next, items, _END)
            yield item
