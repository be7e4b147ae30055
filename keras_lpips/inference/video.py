"""Computes the distances between corresponding frames of two videos."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from PIL import Image

from keras_lpips.images.reader import load_image
from keras_lpips.images.validation import prefix_errors
from keras_lpips.inference.scorer import BATCH_PIXELS


def frames_per_batch(size: tuple[int, int]) -> int:
    """Returns how many frames of `(height, width)` are compared at a time."""
    height, width = size
    return max(1, BATCH_PIXELS // (height * width))


def compare_videos(
    videos, scorer, resize: tuple[int, int] | None = None
) -> Iterator[list[float]]:
    """Compares two videos frame by frame, to the end of the shorter.

    While one batch is compared, the next is decoded.

    Args:
        videos: two `Video`s, at the first frames to compare. Both are read to
            their ends.
        scorer: a `Scorer`.
        resize: `(height, width)` of the frames compared. Defaults to `None`,
            their own size.

    Yields:
        The distances of one batch of frames after another.
    """
    count = frames_per_batch(resize or videos[0].size)
    with ThreadPoolExecutor(1) as reader:
        upcoming = reader.submit(_take, videos, count, resize)
        while (batches := upcoming.result()) is not None:
            upcoming = reader.submit(_take, videos, count, resize)
            with prefix_errors(videos[0].path):
                distances = scorer.distance(*batches).tolist()
            yield distances
    for video in videos:
        video.skip()


def _take(videos, count, resize):
    """Returns the same number of next frames of both videos, or `None`."""
    taken = [video.take(count) for video in videos]
    frames = min(map(len, taken))
    if not frames:
        return None
    if resize:
        taken = [
            [load_image(Image.fromarray(frame), resize) for frame in batch]
            for batch in taken
        ]
    return [np.stack(batch[:frames]) for batch in taken]
