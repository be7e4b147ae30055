"""Known distortions that are as far as a distance."""

import bisect
import functools
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

# Made by `python -m training.equivalents`.
TABLES = Path(__file__).with_name("equivalents.json")
TEXTS = {
    "jpeg": "JPEG at quality {}",
    "blur": "a Gaussian blur of sigma {} px",
    "noise": "Gaussian noise of sigma {} / 255",
    "shift": "a shift of {} px",
}
# Of as many answers each, how many called two images the same, of which one
# was shifted by 0, 1, ... 9 pixels (Ghildyal and Liu 2022).
ANSWERS = 150
CALLED_SAME = (140, 121, 84, 52, 52, 40, 35, 31, 27, 15)


@dataclass(frozen=True)
class Level:
    """The strength of a distortion.

    Attributes:
        value: the strength, or the bound of the measured ones.
        side: "at" the value, "below" the weakest measured strength, or
            "beyond" the strongest.
    """

    value: float
    side: Literal["at", "below", "beyond"]

    @property
    def number(self) -> str:
        """The value with two digits."""
        value = self.value
        return f"{value:.0f}" if value >= 10 else f"{value:.2g}"

    def __str__(self):
        """Returns the side, unless it is "at", and the value."""
        return (
            self.number if self.side == "at" else f"{self.side} {self.number}"
        )


@dataclass(frozen=True)
class Equivalent:
    """The distortion of photographs that is as far as a distance.

    Attributes:
        distortion: "jpeg" (quality), "blur" (sigma in pixels), "noise" (sigma,
            of 255) or "shift" (pixels).
        median: the median strength over the photographs.
        quartiles: the strength that a quarter of the photographs need less
            than, and that a quarter need more than.
    """

    distortion: str
    median: Level
    quartiles: tuple[Level, Level]

    def __str__(self):
        """Returns one line of text."""
        side = self.median.side
        text = TEXTS[self.distortion].format(self.median.number)
        if side != "at":
            text = f"{'less than' if side == 'below' else 'beyond'} {text}"
        return f"{text} (quartiles: {self.quartiles[0]}, {self.quartiles[1]})"


def explain(
    distance: float, net: str = "alex", version: str = "0.1"
) -> list[Equivalent]:
    """Returns distortions that are as far as a distance.

    For each of 24 photographs at 256 x 256 pixels, and each distortion, the
    strength at which the distance is reached is interpolated linearly between
    those that were measured. Other images, and other sizes, may differ.

    Args:
        distance: a distance, at least 0.
        net: see `LPIPS`. Defaults to "alex".
        version: see `LPIPS`; or "dists" for `DISTS`. Defaults to "0.1".

    Returns:
        One `Equivalent` for JPEG, blur, noise and shift each.

    Raises:
        ValueError: if the distance is negative or not finite, or the net has no
            table in this version.

    Example:

    >>> from keras_lpips import explain
    >>> print(explain(0.12, net="vgg")[0])
    JPEG at quality 77 (quartiles: 79, 72)
    """
    if not 0 <= distance < math.inf:
        raise ValueError(
            "`distance` must be a finite number of at least 0. "
            f"Received: distance={distance}"
        )
    tables = read_tables()
    name = "dists" if version == "dists" else f"lpips/{net}@{version}"
    if name not in tables["metrics"]:
        raise ValueError(
            f"There are equivalents of {sorted(tables['metrics'])}. "
            f"Received: net={net!r}, version={version!r}"
        )
    found = []
    for kind, curves in tables["metrics"][name]["distances"].items():
        levels = tables["levels"][kind]
        # More photographs reach a distance by a level, the higher the quantile.
        strong, median, weak = (_level(distance, levels, c) for c in curves)
        found.append(Equivalent(kind, median, (weak, strong)))
    return found


def people_text(shift: Level) -> str:
    """Returns what people said of such a shift, or "" if none was asked."""
    pixels = round(shift.value)
    if shift.side != "at" or pixels >= len(CALLED_SAME):
        return ""
    share = 100 * CALLED_SAME[pixels] / ANSWERS
    return (
        f"people called a shift of {pixels} px the same in {share:.0f} % of "
        f"{ANSWERS} answers (Ghildyal and Liu 2022)"
    )


@functools.cache
def read_tables() -> dict:
    """Returns the tables with their provenance."""
    return json.loads(TABLES.read_text(encoding="utf-8"))


def _level(distance, levels, curve):
    """Returns the weakest level at which a curve reaches a distance."""
    if distance < curve[0]:
        return Level(levels[0], "below")
    if distance > curve[-1]:
        return Level(levels[-1], "beyond")
    # A flat part of the curve is entered from its weakest level.
    end = bisect.bisect_left(curve, distance)
    part = slice(max(end - 1, 0), end + 1)
    return Level(float(np.interp(distance, curve[part], levels[part])), "at")
