"""Plots heat maps and curves of distances."""

import math
from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from keras_lpips.atomic_files import atomic_path

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".pdf", ".svg")
# Approximate height of a band of a tiled map, in rows. A band takes 12 bytes
# per pixel.
BAND_ROWS = 256
# Longest side of an image that is drawn, in pixels.
DRAWN_SIDE = 2048


def write_heat_map(
    path, reference: np.ndarray, distorted: np.ndarray, heat, title: str
) -> None:
    """Draws two images and the map of their distance side by side.

    Args:
        path: the picture to write; its suffix, one of `SUFFIXES`, chooses the
            format.
        reference: uint8 RGB, `(height, width, 3)`.
        distorted: the same.
        heat: float32, `(height, width)`: distance per pixel, at least 0.
        title: text above the map.
    """
    figure = _figure((10.5, 3.9))
    panels: tuple[tuple[str, np.ndarray, dict], ...] = (
        ("reference", reference, {}),
        ("distorted", distorted, {}),
        (title, heat, {"cmap": "inferno", "vmin": 0}),
    )
    axes = figure.subplots(1, 3)
    for axis, (name, pixels, options) in zip(axes, panels, strict=True):
        shown = axis.imshow(pixels, **options)
        axis.set_title(name, fontsize=10)
        axis.set_axis_off()
    figure.colorbar(shown, ax=axes[2], fraction=0.046, label="LPIPS per pixel")
    _save(figure, path)


def write_tiled_heat_map(path, images, tap_maps, title: str) -> None:
    """Draws large images and their map; see `write_heat_map`.

    Images with a side of more than `DRAWN_SIDE` pixels are reduced to means of
    squares, one band of rows at a time.

    Args:
        path: the picture to write.
        images: two uint8 images, as `TiledScorer.compare` takes them.
        tap_maps: see `map_bands`.
        title: text above the map.
    """
    height, width = images[0].shape[:2]
    factor = math.ceil(max(height, width) / DRAWN_SIDE)
    rows = _band_rows(factor)
    drawn = [
        shrink_bands((x[i : i + rows] for i in range(0, height, rows)), factor)
        for x in images
    ]
    heat = shrink_bands(map_bands(tap_maps, height, width, factor), factor)
    reference, distorted = (x.round().astype(np.uint8) for x in drawn)
    write_heat_map(path, reference, distorted, heat, title)


def write_curve(
    path,
    values: Sequence[float],
    label: str,
    step: str = "step",
    scale: str = "log",
) -> None:
    """Plots one distance per step.

    Args:
        path: the picture to write.
        values: the distances.
        label: label of the vertical axis.
        step: label of the horizontal axis. Defaults to "step".
        scale: scale of the vertical axis, "log" or "linear". Defaults to
            "log".
    """
    figure = _figure((6, 4))
    axis = figure.subplots()
    axis.plot(np.arange(len(values)), values)
    axis.set_xlabel(step)
    axis.set_ylabel(label)
    axis.set_yscale(scale)
    axis.grid(alpha=0.3)
    _save(figure, path)


def map_bands(
    tap_maps: Sequence[np.ndarray], height: int, width: int, multiple: int = 1
) -> Iterator[np.ndarray]:
    """Yields the distance per pixel, in bands of rows.

    Computes `LPIPS.spatial_map` in the same float32 arithmetic. It interpolates
    adjacent pixels instead of multiplying matrices, whose time would grow with
    the cube of the image's side.

    Args:
        tap_maps: float32 `(h, w)` for every tap, as `TiledScorer` keeps them.
        height: height of the image, in pixels.
        width: width of the image, in pixels.
        multiple: the number of rows of every band but the last is a multiple
            of it. Defaults to 1.

    Yields:
        float32, `(rows, width)`.
    """
    rows = _band_rows(multiple)
    columns = [_linear_weights(x.shape[1], width, 0, width) for x in tap_maps]
    for start in range(0, height, rows):
        stop = min(start + rows, height)
        band = np.zeros((stop - start, width), np.float32)
        for tap_map, across in zip(tap_maps, columns, strict=True):
            down = _linear_weights(tap_map.shape[0], height, start, stop)
            tall = _interpolate(tap_map, down, axis=0)
            band += _interpolate(tall, across, axis=1)
        yield band


def _band_rows(multiple):
    return math.ceil(BAND_ROWS / multiple) * multiple


def _linear_weights(size, new_size, start, stop):
    """Returns the indices of the two source pixels and the second's weight.

    In float32, as in `keras_lpips.layers.upsampling`.
    """
    scale = np.float32(size) / np.float32(new_size)
    centers = np.arange(start, stop, dtype=np.float32) + np.float32(0.5)
    centers = centers * scale - np.float32(0.5)
    centers = np.clip(centers, 0, np.float32(size - 1))
    before = centers.astype(int)
    return (
        before,
        np.minimum(before + 1, size - 1),
        np.float32(centers - before),
    )


def _interpolate(values, weights, axis):
    before, after, weight = weights
    weight = weight[:, None] if axis == 0 else weight
    mixed = values.take(before, axis) * (1 - weight)
    mixed += values.take(after, axis) * weight
    return mixed


def shrink_bands(bands: Iterable[np.ndarray], factor: int) -> np.ndarray:
    """Returns the means of squares of `factor` x `factor` pixels.

    At the right and the bottom, squares may be cut by the image's end.

    Args:
        bands: the image in bands, `(rows, width)` or `(rows, width,
            channels)`. The number of rows of every band but the last is a
            multiple of `factor`.
        factor: side of a square, in pixels.

    Returns:
        float32, `(ceil(height / factor), ceil(width / factor), ...)`.
    """
    return np.concatenate([_shrink(band, factor) for band in bands])


def _shrink(band, factor):
    shrunk = band.astype(np.float32)
    for axis in (0, 1):
        starts = np.arange(0, band.shape[axis], factor)
        counts = np.diff(starts, append=band.shape[axis]).astype(np.float32)
        counts = counts.reshape(
            [-1 if i == axis else 1 for i in range(shrunk.ndim)]
        )
        shrunk = np.add.reduceat(shrunk, starts, axis) / counts
    return shrunk


def _figure(size):
    from matplotlib.figure import Figure

    return Figure(figsize=size, dpi=120, layout="constrained")


def _save(figure, path):
    with atomic_path(path) as partial:
        figure.savefig(partial)
