"""Reads the frames of a video file in order, with OpenCV."""

import os
import threading
from pathlib import Path

import numpy as np

from keras_lpips.images.formats import check_regular_file
from keras_lpips.images.validation import ImageError

# FFmpeg's names of the containers that are read. Others name further files or
# addresses, as playlists do.
CONTAINERS = (
    *("mov", "matroska", "avi", "mpegts", "mpeg", "mpegvideo", "flv", "ogg"),
    *("asf", "gif", "yuv4mpegpipe", "ivf", "nut", "h264", "hevc", "mjpeg"),
    *("m4v", "mxf", "obu", "av1", "webm", "mp4"),
)
# What OpenCV passes on to FFmpeg when it opens a video.
OPTIONS_VARIABLE = "OPENCV_FFMPEG_CAPTURE_OPTIONS"
OPTIONS = f"protocol_whitelist;file|format_whitelist;{','.join(CONTAINERS)}"
_options_lock = threading.Lock()


class Video:
    """A video file that is read from its first frame to its last.

    Frames are decoded by OpenCV: 8 bits, RGB by its own conversion, rotated as
    the file's metadata say.

    Args:
        path: the file.

    Raises:
        ImageError: if OpenCV is missing, or cannot read the file as a video.

    Attributes:
        rate: frames per second that the file declares, or `None`.
        declared_frames: number of frames that the file declares, or `None`. In
            some formats it is an estimate.
        frames_read: number of frames that were read or skipped.
    """

    def __init__(self, path):
        self._cv2 = cv2 = _import_opencv()
        if not Path(path).is_file():
            raise ImageError(f"{path} does not exist or is not a file")
        self._capture = open_capture(path)
        self.path = path
        self.rate = _known(self._capture.get(cv2.CAP_PROP_FPS))
        declared = _known(self._capture.get(cv2.CAP_PROP_FRAME_COUNT))
        self.declared_frames = declared and int(declared)
        self.frames_read = 0
        self._first = self._read()
        if self._first is None:
            raise ImageError(f"{path} has no frame that can be read")
        self.size = self._first.shape[:2]

    def take(self, count) -> list[np.ndarray]:
        """Returns the next frames, uint8 RGB `(height, width, 3)`.

        Returns fewer than `count` frames only at the end.

        Raises:
            ImageError: if the size changes between frames.
        """
        frames: list[np.ndarray] = []
        while len(frames) < count:
            frame = self._next()
            if frame is None:
                break
            if frame.shape[:2] != self.size:
                raise ImageError(
                    f"{self.path} changes size at frame {self.frames_read}, "
                    f"from {_shown(self.size)} to {_shown(frame.shape)}"
                )
            self.frames_read += 1
            frames.append(frame)
        return frames

    def skip(self, count=None) -> None:
        """Skips frames. Defaults to all that are left."""
        while count is None or count > 0:
            if self._first is not None:
                self._first = None
            elif not self._capture.grab():
                break
            self.frames_read += 1
            count = count and count - 1

    def close(self) -> None:
        """Closes the file."""
        self._capture.release()

    def describe(self) -> dict:
        """Returns a description for results, after all frames are read."""
        return {
            "path": str(self.path),
            "size": list(self.size),
            "frames_per_second": self.rate,
            "frames": self.frames_read,
            "frames_declared": self.declared_frames,
        }

    def _next(self):
        frame, self._first = self._first, None
        return self._read() if frame is None else frame

    def _read(self):
        there, frame = self._capture.read()
        if not there:
            return None
        return self._cv2.cvtColor(frame, self._cv2.COLOR_BGR2RGB)


def open_capture(path):
    """Opens a local video file, in one of `CONTAINERS`.

    A name is never taken for an address, and the file cannot make FFmpeg open
    others.

    Returns:
        A `cv2.VideoCapture`.

    Raises:
        ImageError: if OpenCV is missing, or cannot read the file as a video.
        OSError: if there is no such file.
    """
    cv2 = _import_opencv()
    check_regular_file(path)
    logging = cv2.utils.logging
    with _options_lock:
        level = logging.setLogLevel(logging.LOG_LEVEL_SILENT)
        before = os.environ.get(OPTIONS_VARIABLE)
        os.environ[OPTIONS_VARIABLE] = OPTIONS
        try:
            # Other backends interpret a percent sign in the name as a pattern
            # of images. An absolute path has no protocol.
            capture = cv2.VideoCapture(os.path.abspath(path), cv2.CAP_FFMPEG)
        finally:
            if before is None:
                del os.environ[OPTIONS_VARIABLE]
            else:
                os.environ[OPTIONS_VARIABLE] = before
            logging.setLogLevel(level)
    if not capture.isOpened():
        raise ImageError(f"{path} is not a video that can be read")
    return capture


def check_videos(reference, distorted, resize) -> None:
    """Raises `ImageError` if frames differ in size and are not resized."""
    if resize is None and reference.size != distorted.size:
        raise ImageError(
            f"{reference.path} and {distorted.path} are of different sizes, "
            f"{_shown(reference.size)} and {_shown(distorted.size)}; give "
            "--resize HEIGHTxWIDTH"
        )


def mismatches(reference, distorted) -> list[str]:
    """Returns sentences that describe how two fully read videos differ."""
    sentences = []
    pair = reference, distorted
    for video in pair:
        if (
            video.declared_frames is not None
            and video.frames_read < video.declared_frames
        ):
            sentences.append(
                f"{video.path} declares {video.declared_frames} frames; "
                f"{video.frames_read} could be read"
            )
    rates = [video.rate for video in pair]
    if rates[0] != rates[1]:
        sentences.append(
            f"The frame rates differ, {_rate(rates[0])} and "
            f"{_rate(rates[1])} per second; frames were compared one by one, "
            "not by their times"
        )
    if reference.frames_read != distorted.frames_read:
        sentences.append(
            f"The lengths differ, {reference.frames_read} and "
            f"{distorted.frames_read} frames; the first "
            f"{min(video.frames_read for video in pair)} were compared"
        )
    return sentences


def _import_opencv():
    # Silences FFmpeg, which reads this when it is first used.
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    try:
        import cv2
    except ImportError:
        raise ImageError(
            "Videos are read by OpenCV, which is not installed: "
            "pip install 'keras-lpips[video]'"
        ) from None
    return cv2


def _known(value):
    return value if np.isfinite(value) and value > 0 else None


def _rate(rate):
    return "unknown" if rate is None else f"{rate:g}"


def _shown(size):
    return f"{size[1]}x{size[0]}"
