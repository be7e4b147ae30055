"""Tabulates the distance of known distortions of photographs.

Every photograph is resized so that its shorter side has `SIDE` pixels, and
cropped to its center. The reference is a square of `SIZE` pixels of that crop,
so that a shift moves real content into it.
"""

import io
import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import cast

import numpy as np
from PIL import Image
from scipy.ndimage import gaussian_filter
from scipy.optimize import isotonic_regression
from tqdm import tqdm

from keras_lpips.atomic_files import to_json, write_json
from keras_lpips.images.reader import list_images, load_image, read_size
from keras_lpips.images.validation import ImageError
from keras_lpips.inference.jit import compile_function
from keras_lpips.inference.provenance import describe
from keras_lpips.weights.npz import file_digest
from keras_lpips_cli.errors import UserError
from keras_lpips_cli.state_files import read_state
from training.configs import EquivalentsConfig
from training.metrics.deep import DeepMetric
from training.metrics.metric import MetricError
from training.metrics.registry import find_metric

SIZE = 256
SIDE = SIZE + 32
SEED = 0
# From weak to strong.
LEVELS: dict[str, Sequence[float]] = {
    "jpeg": (100, 95, 90, 80, 65, 50, 35, 20, 10, 5),
    "blur": (0.4, 0.6, 0.8, 1, 1.3, 1.8, 2.5, 4, 7, 12),
    "noise": (1, 2, 4, 8, 14, 22, 35, 55, 85, 130),
    "shift": (1, 2, 3, 4, 6, 8, 12, 16, 24, 32),
}
NAME = re.compile(r"lpips/\w+@[\w.]+|dists")
QUANTILES = (0.25, 0.5, 0.75)
DIGITS = 5


def tabulate(config: EquivalentsConfig) -> dict:
    """Computes the tables that are missing and writes the file.

    The file is written after every metric. A metric that it holds already, of
    the same photographs and settings, is kept.

    Args:
        config: the settings.

    Returns:
        The content of the file.

    Raises:
        ImageError: if a photograph cannot be read or is too small.
        MetricError: if a metric's name is another.
        UserError: if the file was made of other photographs or settings.
    """
    paths, _ = list_images(config.photos)
    common = {
        "photographs": {path.name: file_digest(path) for path in paths},
        "size": SIZE,
        "side": SIDE,
        "seed": SEED,
        "levels": LEVELS,
        "quantiles": QUANTILES,
    }
    # As JSON holds it: lists for tuples.
    common = json.loads(to_json(common))
    tables: dict[str, dict] = {}
    if config.output.exists():
        before = read_state(config.output)
        tables = before.pop("metrics", {})
        if before != common:
            raise UserError(
                f"--output {config.output} is of other photographs or settings"
            )
    for name in config.metrics:
        if name not in tables:
            tables[name] = _tabulate_metric(name, paths)
            write_json(config.output, {**common, "metrics": tables})
    return {**common, "metrics": tables}


def _tabulate_metric(name, paths) -> dict:
    compare, provenance = _comparison(name)
    curves: dict[str, list] = {kind: [] for kind in LEVELS}
    for number, path in enumerate(tqdm(paths, desc=name, disable=None)):
        square = load_square(path)
        reference = shifted(square, 0)
        for kind, levels in LEVELS.items():
            rng = np.random.default_rng((SEED, number))
            copies = distort(square, kind, levels, rng)
            curves[kind].append(compare(reference[None], copies))
    return {
        **provenance,
        "distances": {
            kind: monotone_quantiles(found) for kind, found in curves.items()
        },
    }


def _comparison(name) -> tuple[Callable, dict]:
    """Returns a function of one reference and its copies, and its record."""
    if not NAME.fullmatch(name):
        raise MetricError(
            f"A metric must be lpips/NET@VERSION or dists. Received: {name!r}"
        )
    lpips = cast(DeepMetric, find_metric(name)).lpips
    compare = compile_function(
        lambda a, b: lpips.compare(lpips.embed(a), lpips.embed(b)),
        lpips.variables,
    )
    return compare, describe(lpips.net, lpips.version, True)


def load_square(path: Path) -> np.ndarray:
    """Returns the center of a photograph, uint8 RGB, `(SIDE, SIDE, 3)`.

    Raises:
        ImageError: if it cannot be read or is smaller than that.
    """
    height, width = read_size(path)
    shorter = min(height, width)
    if shorter < SIDE:
        raise ImageError(
            f"{path} must be at least {SIDE} pixels high and wide. Received: "
            f"{width}x{height}"
        )
    height, width = (round(x * SIDE / shorter) for x in (height, width))
    top, left = (height - SIDE) // 2, (width - SIDE) // 2
    pixels = load_image(path, (height, width))
    return pixels[top : top + SIDE, left : left + SIDE]


def shifted(square: np.ndarray, pixels: int) -> np.ndarray:
    """Returns the reference, moved to the left by a number of pixels."""
    top = (SIDE - SIZE) // 2
    return square[top : top + SIZE, pixels : pixels + SIZE]


def distort(square: np.ndarray, kind: str, levels, rng) -> np.ndarray:
    """Returns distorted copies, uint8 RGB, `(levels, SIZE, SIZE, 3)`.

    Args:
        square: result of `load_square`.
        kind: "jpeg" (Pillow's quality), "blur" (standard deviation of a
            Gaussian, in pixels), "noise" (standard deviation, in [0, 255], of
            independent Gaussian noise in each channel) or "shift" (pixels).
        levels: the strengths.
        rng: generator of the noise, one field for all levels.
    """
    if kind == "shift":
        return np.stack([shifted(square, pixels) for pixels in levels])
    image = shifted(square, 0)
    if kind == "jpeg":
        return np.stack([_compressed(image, quality) for quality in levels])
    pixels = image.astype(np.float32)
    if kind == "blur":
        found = [
            gaussian_filter(pixels, (sigma, sigma, 0), mode="mirror")
            for sigma in levels
        ]
    else:
        field = rng.standard_normal(pixels.shape, np.float32)
        found = [pixels + sigma * field for sigma in levels]
    return np.clip(np.round(found), 0, 255).astype(np.uint8)


def _compressed(image, quality):
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file))


def monotone_quantiles(curves) -> list[list[float]]:
    """Returns quantiles over photographs that never fall with the level.

    Each photograph's curve is replaced by its isotonic regression.

    Args:
        curves: distances by photograph and level.

    Returns:
        For each of `QUANTILES`, the distances by level.
    """
    monotone = [isotonic_regression(np.float64(c)).x for c in curves]
    return [
        [float(f"{distance:.{DIGITS}g}") for distance in quantile]
        for quantile in np.quantile(monotone, QUANTILES, axis=0)
    ]
