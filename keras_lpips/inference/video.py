"""The distances between the frames of two videos, in step."""

import sys
from concurrent.futures import ThreadPoolExecutor
from itertools import count

import numpy as np
from PIL import Image
from tqdm import tqdm

from keras_lpips.images.reader import load_image
from keras_lpips.images.validation import prefix_errors
from keras_lpips.inference.folder import BATCH_PIXELS
from keras_lpips_cli.resume_log import fingerprint
from keras_lpips_cli.signals import interruptible


def compare_videos(videos, score, resize, journal, settings) -> list[float]:
    """Compares two videos frame by frame, with a progress bar.

    Goes on to the end of the shorter. Batches, not frames, are taken from an
    earlier run, as in `compare_folders`.

    Args:
        videos: two `Video`s, opened, at their first frames. Both are left at
            their ends.
        score: a `Scorer`.
        resize: `(height, width)` of the frames compared; `None` for their own.
        journal: the `ResumeLog` that finished batches are noted in.
        settings: what distances depend on beside the files, as JSON can hold
            it.

    Returns:
        One distance per frame.
    """
    height, width = resize or videos[0].size
    size = max(1, BATCH_PIXELS // (height * width))
    paths = [video.path for video in videos]
    prefix = fingerprint(paths, {**settings, "batch": size})
    finished = journal.values()
    distances, batch = [], 0
    while (done := finished.get(f"{prefix} {batch}")) is not None:
        distances += done
        batch += 1
    for video in videos:
        video.skip(len(distances))
    if distances:
        print(f"Going on after {len(distances)} frames", file=sys.stderr)
    declared = [video.declared for video in videos if video.declared]
    with (
        journal.writing() as note,
        ThreadPoolExecutor(1) as reader,
        tqdm(
            total=min(declared, default=None),
            initial=len(distances),
            unit="frame",
            disable=None,
        ) as bar,
    ):
        # The next batch is decoded while this one is compared.
        coming = reader.submit(_take, videos, size, resize)
        for index in interruptible(count(batch)):
            batches = coming.result()
            if batches is None:
                break
            coming = reader.submit(_take, videos, size, resize)
            with prefix_errors(paths[0]):
                scored = score.distance(*batches).tolist()
            note(f"{prefix} {index}", scored)
            distances += scored
            bar.update(len(scored))
        for video in videos:
            video.skip()
    return distances


def _take(videos, size, resize):
    """Returns the next frames of both, as many of one as of the other."""
    taken = [video.take(size) for video in videos]
    frames = min(map(len, taken))
    if not frames:
        return None
    if resize:
        taken = [
            [load_image(Image.fromarray(frame), resize) for frame in batch]
            for batch in taken
        ]
    return [np.stack(batch[:frames]) for batch in taken]
