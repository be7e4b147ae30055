"""Computes the distances between two folders of images."""

from collections import defaultdict, deque
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from keras_lpips.images.masks import load_images
from keras_lpips.images.names import match_names
from keras_lpips.images.reader import list_images, read_size
from keras_lpips.images.validation import ImageError
from keras_lpips.inference.scorer import BATCH_PIXELS

# Two paths to compare, and possibly that of a mask, by the name of the pair.
Pairs = dict[str, tuple[Path, ...]]


@dataclass(frozen=True)
class Matches:
    """The pairs of two folders, and what belongs to none.

    Attributes:
        pairs: the pairs by the reference's name, sorted.
        unmatched: for each folder, its images without a partner.
        skipped: for each folder, what it holds besides images.
    """

    pairs: Pairs
    unmatched: tuple[list[str], list[str]]
    skipped: tuple[list[str], list[str]]


def match_folders(references, distorted) -> Matches:
    """Finds the images of two folders that belong together.

    Their names match by the rule of `keras_lpips.images.names.match_names`.

    Args:
        references: a folder.
        distorted: another.

    Raises:
        ImageError: if a folder cannot be listed, or no name is in both.
    """
    images, skipped = zip(
        *map(list_images, (references, distorted)), strict=True
    )
    first, second = ({path.name: path for path in paths} for paths in images)
    partners = match_names(first, second)
    if not partners:
        raise ImageError(
            f"{references} and {distorted} have no image name in common"
        )
    return Matches(
        {
            name: (first[name], second[partners[name]])
            for name in sorted(partners)
        },
        (
            sorted(first.keys() - partners.keys()),
            sorted(second.keys() - set(partners.values())),
        ),
        skipped,
    )


def add_masks(pairs: Pairs, mask: Path) -> tuple[Pairs, dict[str, str]]:
    """Adds a mask to each pair.

    Args:
        pairs: see `match_folders`.
        mask: the mask of all pairs, or a folder of masks, whose names match
            those of the references as `match_folders` matches.

    Returns:
        The pairs with the path of their mask, and an error message for each
        that has none.

    Raises:
        ImageError: if the folder cannot be listed or holds no image.
    """
    if not mask.is_dir():
        return {name: (*pair, mask) for name, pair in pairs.items()}, {}
    masks = {path.name: path for path in list_images(mask)[0]}
    partners = match_names(pairs, masks)
    masked = {
        name: (*pairs[name], masks[partners[name]])
        for name in pairs
        if name in partners
    }
    missing = pairs.keys() - masked.keys()
    return masked, dict.fromkeys(missing, f"there is no mask for it in {mask}")


def batch_by_size(
    pairs: Pairs, resize: tuple[int, int] | None
) -> tuple[list[Pairs], dict[str, str]]:
    """Groups pairs into batches of one size, from the files' headers alone.

    Args:
        pairs: see `match_folders`.
        resize: see `load_image`.

    Returns:
        The batches, in an order that depends on names and sizes alone, and an
        error message for each pair whose header cannot be read.
    """
    errors: dict[str, str] = {}
    by_size = defaultdict(list)
    for name, (reference, *_) in pairs.items():
        try:
            by_size[resize or read_size(reference)].append(name)
        except ImageError as error:
            errors[name] = str(error)
    batches = []
    for (height, width), names in sorted(by_size.items()):
        count = max(1, BATCH_PIXELS // (height * width))
        chunks = range(0, len(names), count)
        batches += [
            {name: pairs[name] for name in names[i : i + count]} for i in chunks
        ]
    return batches, errors


def score_batches(
    batches: Sequence[Pairs], scorer, resize: tuple[int, int] | None
) -> Iterator[tuple[dict[str, float], dict[str, str]]]:
    """Computes the distances of batches in turn.

    While one batch is compared, the next is decoded.

    Args:
        batches: see `batch_by_size`.
        scorer: a `Scorer`.
        resize: see `load_image`.

    Yields:
        For each batch, distances by name, and an error message by name for
        each pair that cannot be compared.
    """
    with ThreadPoolExecutor(1) as reader:
        tasks: deque = deque()
        for i in range(len(batches)):
            for upcoming in batches[i + len(tasks) : i + 2]:
                tasks.append(reader.submit(_load, upcoming, resize))
            images, errors = tasks.popleft().result()
            distances = _score(scorer, images, errors)
            yield distances, errors


def _load(batch, resize):
    images, errors = {}, {}
    for name, paths in batch.items():
        try:
            images[name] = load_images(*paths, resize=resize)
        except ImageError as error:
            errors[name] = str(error)
    return images, errors


def _score(scorer, images, errors):
    """Returns distances by name; adds failed pairs to `errors`."""
    # The decoded size may differ from that in the file's header.
    by_shape = defaultdict(dict)
    for name, pair in images.items():
        by_shape[pair[0].shape][name] = pair
    distances = {}
    for pairs in by_shape.values():
        stacks = map(np.stack, zip(*pairs.values(), strict=True))
        try:
            found = scorer.distance(*stacks).tolist()
        except ImageError as error:
            errors |= dict.fromkeys(pairs, str(error))
            continue
        distances |= zip(pairs, found, strict=True)
    return distances
