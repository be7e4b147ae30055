"""Decodes the frames of a video from its beginning, in one pass.

A container's count of frames, and seeking in it, are not exact for every codec.
"""

import hashlib
from collections.abc import Iterator

import cv2
import numpy as np

from keras_lpips.images.validation import ImageError
from keras_lpips.images.video_reader import open_capture
from pipelines.image_io.photographs import InvalidPhotographError, digest_pixels


def read_frames(path: str) -> Iterator[np.ndarray]:
    """Decodes a video.

    Args:
        path: path of a local file that OpenCV reads.

    Yields:
        The frames, uint8 RGB, `(height, width, 3)`, [0, 255].

    Raises:
        InvalidPhotographError: the file is not a video.
    """
    try:
        capture = open_capture(path)
    except ImageError:
        raise InvalidPhotographError("is no video") from None
    try:
        while True:
            decoded, frame = capture.read()
            if not decoded:
                return
            yield cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)
    finally:
        capture.release()


def read_video(path: str, min_side: int, min_frames: int) -> tuple[int, str]:
    """Decodes a whole video.

    Returns:
        Its number of frames, and a digest of their pixels.

    Raises:
        InvalidPhotographError: it is no video, too small, or too short.
    """
    count, pixels = 0, hashlib.sha256()
    for frame in read_frames(path):
        height, width = frame.shape[:2]
        if min(height, width) < min_side:
            raise InvalidPhotographError(
                f"is {width} x {height}, smaller than {min_side} pixels"
            )
        count += 1
        pixels.update(digest_pixels(frame).encode())
    if count < min_frames:
        raise InvalidPhotographError(
            f"has {count} frames of {min_frames} needed"
        )
    return count, pixels.hexdigest()
