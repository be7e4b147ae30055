"""The distances between two folders of images, name by name, in batches."""

import sys
from collections import defaultdict, deque
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from tqdm import tqdm

from keras_lpips.images.reader import list_images, load_pair, read_size
from keras_lpips.images.validation import ImageError
from keras_lpips_cli.resume_log import fingerprint
from keras_lpips_cli.signals import interruptible

# Pixels of either side in a batch: 64 images of 64 x 64, or one of 512 x 512.
BATCH_PIXELS = 64 * 64 * 64


def match_names(references, distorted) -> dict[str, tuple[Path, Path]]:
    """Returns the paths of the images whose names are in both folders.

    How many are in one only is said on standard error.

    Raises:
        ImageError: if a folder cannot be listed, or no name is in both.
    """
    first = {path.name: path for path in list_images(references)}
    second = {path.name: path for path in list_images(distorted)}
    names = sorted(first.keys() & second.keys())
    if not names:
        raise ImageError(
            f"{references} and {distorted} have no image name in common"
        )
    for folder, alone in (
        (references, first.keys() - second.keys()),
        (distorted, second.keys() - first.keys()),
    ):
        if alone:
            print(
                f"Images in {folder} only, left out: {len(alone)} "
                f"({min(alone)}{', ...' if len(alone) > 1 else ''})",
                file=sys.stderr,
            )
    return {name: (first[name], second[name]) for name in names}


def compare_folders(pairs, score, resize, journal, settings):
    """Compares pairs in batches of one size, with a progress bar.

    Batches, not pairs, are taken from an earlier run: each is then the same
    batch as without a stop, and so are the last digits of its distances.

    Args:
        pairs: see `match_names`.
        score: a `Scorer`.
        resize: see `load_image`.
        journal: the `ResumeLog` that finished batches are noted in.
        settings: what distances depend on beside the images, as JSON can hold
            it. What was noted under others is not used.

    Returns:
        Distances by name, and sentences by the names of the pairs that could
        not be compared.
    """
    distances, faults, finished = {}, {}, journal.values()
    batches, rest = _batches(pairs, resize, faults), []
    for batch in batches:
        files = [path for pair in batch.values() for path in pair]
        key = fingerprint(files, settings)
        if key in finished:
            distances |= finished[key]
        else:
            rest.append((key, batch))
    if distances:
        print(f"Going on after {len(distances)} pairs", file=sys.stderr)
    total = sum(len(batch) for batch in batches)
    # The next batch is decoded while this one is compared.
    with (
        journal.writing() as note,
        ThreadPoolExecutor(1) as reader,
        tqdm(
            total=total, initial=len(distances), unit="pair", disable=None
        ) as bar,
    ):
        tasks = deque()
        for i, (key, batch) in enumerate(interruptible(rest)):
            for _, coming in rest[i + len(tasks) : i + 2]:
                tasks.append(reader.submit(_load, coming, resize))
            images, failed = tasks.popleft().result()
            scored = _score(score, images, failed)
            if not failed:
                note(key, scored)
            distances |= scored
            faults |= failed
            bar.update(len(batch))
    return distances, faults


def _batches(pairs, resize, faults):
    """Groups pairs by size, from the files' heads alone."""
    by_size = defaultdict(list)
    for name, (reference, _) in pairs.items():
        try:
            by_size[resize or read_size(reference)].append(name)
        except ImageError as error:
            faults[name] = str(error)
    batches = []
    for (height, width), names in sorted(by_size.items()):
        count = max(1, BATCH_PIXELS // (height * width))
        chunks = range(0, len(names), count)
        batches += [
            {name: pairs[name] for name in names[i : i + count]} for i in chunks
        ]
    return batches


def _load(batch, resize):
    images, failed = {}, {}
    for name, paths in batch.items():
        try:
            images[name] = load_pair(*paths, resize)
        except ImageError as error:
            failed[name] = str(error)
    return images, failed


def _score(score, images, failed):
    """Returns distances by name; adds what cannot be compared to `failed`."""
    # A file's head need not tell the truth about its size.
    by_shape = defaultdict(dict)
    for name, pair in images.items():
        by_shape[pair[0].shape][name] = pair
    scored = {}
    for pairs in by_shape.values():
        references, distorted = map(np.stack, zip(*pairs.values(), strict=True))
        try:
            distances = score.distance(references, distorted).tolist()
        except ImageError as error:
            failed |= dict.fromkeys(pairs, str(error))
            continue
        scored |= zip(pairs, distances, strict=True)
    return scored
