"""External metrics: commands that take two files and print a number."""

import shlex
import subprocess
import tempfile
from pathlib import Path

from keras_lpips.images.reader import write_image
from training.metrics.metric import MetricError

TIMEOUT_SECONDS = 600


class CommandMetric:
    """Compares two images by running a command, without a shell.

    Args:
        command: the command line, to which the paths of two PNG files are
            appended, the reference first. The last word of its output is the
            number.
    """

    def __init__(self, command: str):
        self._words = shlex.split(command)
        if not self._words:
            raise MetricError("A command is needed after `command:`")

    def __call__(self, reference, distorted) -> float:
        """Returns the number for two uint8 RGB images."""
        with tempfile.TemporaryDirectory() as folder:
            paths = [Path(folder) / f"{x}.png" for x in ("reference", "other")]
            for path, image in zip(paths, (reference, distorted), strict=True):
                write_image(path, image)
            return self._run([*self._words, *map(str, paths)])

    def _run(self, words):
        try:
            done = subprocess.run(
                words, capture_output=True, text=True, timeout=TIMEOUT_SECONDS
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise MetricError(f"{self._words[0]}: {error}") from None
        words = done.stdout.split()
        try:
            if done.returncode == 0:
                return float(words[-1])
        except (IndexError, ValueError):
            pass
        reason = (done.stderr.strip() or done.stdout.strip() or "nothing")[
            -200:
        ]
        raise MetricError(
            f"{self._words[0]} must print one number and exit with 0. "
            f"Received: exit {done.returncode}, {reason!r}"
        )
