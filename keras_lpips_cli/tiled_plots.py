"""The map of a distance in bands of rows, from the maps of the taps."""

import math

import numpy as np

from keras_lpips_cli.plots import write_heat_map

# Rows of a band, roughly. A band takes 12 bytes a pixel.
BAND_ROWS = 256

# The longer side of what is drawn, at most, in pixels.
DRAWN_SIDE = 2048


def write_tiled_heat_map(path, images, tap_maps, title) -> None:
    """Draws large images and their map; see `write_heat_map`.

    Of more than `DRAWN_SIDE` pixels a side, means of squares are drawn, which
    are made from bands of rows.

    Args:
        path: the picture to write.
        images: two, as `TiledScorer.compare` takes them, uint8.
        tap_maps: as `TiledScorer` keeps them.
        title: text above the map.
    """
    height, width = images[0].shape[:2]
    factor = math.ceil(max(height, width) / DRAWN_SIDE)
    rows = _band_rows(factor)
    drawn = [
        shrunken((x[i : i + rows] for i in range(0, height, rows)), factor)
        for x in images
    ]
    heat = shrunken(map_bands(tap_maps, height, width, factor), factor)
    write_heat_map(path, *(np.uint8(x.round()) for x in drawn), heat, title)


def map_bands(tap_maps, height, width, multiple=1):
    """Yields the distance per pixel, band after band.

    The same as `LPIPS.spatial_map` gives, in the same float32 arithmetic, but
    by picking neighbours: its products of matrices would take the cube of a
    large image's side.

    Args:
        tap_maps: for every tap float32 `(h, w)`, as `TiledScorer` keeps them.
        height: pixels of the image.
        width: likewise.
        multiple: what the rows of every band but the last are a multiple of.

    Yields:
        float32, `(rows, width)`.
    """
    rows = _band_rows(multiple)
    columns = [_neighbours(x.shape[1], width, 0, width) for x in tap_maps]
    for start in range(0, height, rows):
        stop = min(start + rows, height)
        band = np.zeros((stop - start, width), np.float32)
        for tap_map, across in zip(tap_maps, columns, strict=True):
            down = _neighbours(tap_map.shape[0], height, start, stop)
            tall = _mix(tap_map, down, axis=0)
            band += _mix(tall, across, axis=1)
        yield band


def _band_rows(multiple):
    return math.ceil(BAND_ROWS / multiple) * multiple


def _neighbours(size, new_size, start, stop):
    """Returns new pixels' old ones before and after, and the latter's weight.

    See `upsampling`; in float32, as there.
    """
    scale = np.float32(size) / np.float32(new_size)
    centres = np.arange(start, stop, dtype=np.float32) + np.float32(0.5)
    centres = centres * scale - np.float32(0.5)
    centres = np.clip(centres, 0, np.float32(size - 1))
    before = centres.astype(int)
    return (
        before,
        np.minimum(before + 1, size - 1),
        np.float32(centres - before),
    )


def _mix(values, neighbours, axis):
    before, after, weight = neighbours
    weight = weight[:, None] if axis == 0 else weight
    mixed = values.take(before, axis) * (1 - weight)
    mixed += values.take(after, axis) * weight
    return mixed


def shrunken(bands, factor) -> np.ndarray:
    """Returns the means of squares of `factor` x `factor` pixels.

    Squares at the end that the image does not fill are means of what there
    is.

    Args:
        bands: an image's rows in turn, `(rows, width)` or `(rows, width,
            channels)`; of all but the last, as many as a multiple of `factor`.
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
