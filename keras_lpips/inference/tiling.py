"""Computes the exact distance of images of any size in tiles."""

import itertools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import keras
import numpy as np

from keras_lpips.backbones.receptive_field import common_stride, tap_grids
from keras_lpips.images.validation import (
    ImageError,
    check_images,
    check_mask,
    check_mask_array,
    check_same_shape,
)
from keras_lpips.layers.dists import DISTS, NO_PARTS


@dataclass(frozen=True)
class Span:
    """An interval of one axis that the backbone processes at a time.

    Attributes:
        start: first pixel of the image.
        stop: the pixel after the last.
        kept: for every tap, the tap pixels of the interval whose receptive
            field has the same content as in the whole image.
        positions: for every tap, where these pixels are in the whole image's
            tap. The positions of consecutive spans are adjacent.
    """

    start: int
    stop: int
    kept: tuple[slice, ...]
    positions: tuple[slice, ...]


def smallest_tile(grids) -> int:
    """Returns the smallest tile that keeps any pixels, in pixels.

    Args:
        grids: the taps' `Grid`s along one axis.
    """
    before, after, step = _halo(grids)
    return before + after + step


def cut_axis(size: int, tile: int, grids, counts) -> list[Span]:
    """Divides an axis into overlapping intervals of `tile` pixels.

    All intervals but the last have one length, so that few shapes are
    compiled. Each starts at 0 or at a multiple of the strides, so that its
    taps align with those of the whole image. Its padding coincides with the
    padding of the whole image, or lies outside the receptive fields of the kept
    pixels.

    Args:
        size: pixels of the axis.
        tile: pixels of an interval, at least `smallest_tile`.
        grids: the taps' `Grid`s along the axis.
        counts: pixels of each tap of the whole image along the axis.
    """
    before, after, step = _halo(grids)
    spans: list = []
    start = core = 0
    while not spans or spans[-1].stop < size:
        stop = min(start + tile, size)
        core_stop = (stop - after) // step * step
        positions = tuple(
            slice(
                core // grid.stride,
                count if stop == size else core_stop // grid.stride,
            )
            for grid, count in zip(grids, counts, strict=True)
        )
        kept = tuple(
            slice(
                place.start - start // grid.stride,
                place.stop - start // grid.stride,
            )
            for grid, place in zip(grids, positions, strict=True)
        )
        spans.append(Span(start, stop, kept, positions))
        start, core = core_stop - before, core_stop
    return spans


def _halo(grids):
    """Returns the margins before and after the kept pixels, and the step."""
    step = common_stride(grids)
    before = max(grid.reflected - grid.first for grid in grids)
    after = max(grid.reflected + grid.last + 1 - grid.stride for grid in grids)
    return -(-before // step) * step, after, step


@dataclass(frozen=True)
class TiledDistance:
    """The result of `TiledScorer.compare`.

    Attributes:
        per_layer: each tap's share of the distance, float64, `(taps,)`.
        tap_maps: for every tap, the distance at each of its pixels, float32,
            `(h, w)`; empty unless `with_maps`.
    """

    per_layer: np.ndarray
    tap_maps: list[np.ndarray]


class TiledScorer:
    """Compares two images of any size in tiles of bounded size.

    The values are those of the whole images: each tile has a margin as wide as
    the receptive field, on the whole image's grid, and sums are accumulated
    in float64. The network needs the memory of two images of `tile` x `tile`
    pixels.

    Args:
        scorer: a `Scorer`.
        tile: height and width, in pixels, of a tile with its margin.

    Raises:
        ImageError: if a tile is not larger than its margin.
    """

    def __init__(self, scorer, tile):
        self.tile = int(tile)
        self.taps = scorer.taps
        self._scorer = scorer
        if isinstance(scorer.lpips, DISTS):
            raise ImageError(NO_PARTS)
        self._grids = list(zip(*tap_grids(scorer.lpips.backbone), strict=True))
        smallest = max(map(smallest_tile, self._grids))
        if self.tile < smallest:
            raise ImageError(
                f"A tile must be at least {smallest} pixels a side for this "
                f"net, as most of it is margin. Received: {tile}"
            )

    def compare(
        self,
        reference,
        distorted,
        mask: np.ndarray | None = None,
        with_maps: bool = False,
        progress: Callable[[Sequence], Iterable] = iter,
    ) -> TiledDistance:
        """Compares two images.

        Args:
            reference: RGB `(height, width, 3)`, uint8 in [0, 255] or float32
                in [-1, 1]: an array, or anything with a `shape` whose rows
                `image[start:stop]` are one.
            distorted: the same, of the same shape.
            mask: float32, `(height, width)`, [0, 1]. Defaults to `None`, all
                pixels.
            with_maps: whether the taps' maps are kept. In float32 they take
                0.36 (alex), 1.4 (squeeze) or 5.3 (vgg) bytes for each pixel
                of an image.
            progress: wraps the sequence of tiles, for example to draw a bar.

        Returns:
            The shares and the maps.
        """
        images = reference, distorted
        lpips = self._scorer.lpips
        for image in images:
            shape = (1, *image.shape)
            check_images(shape, "float32", (-1, 1), lpips.smallest_size)
        check_same_shape(*(image.shape for image in images))
        if mask is not None:
            check_mask(mask[None].shape, shape, str(mask.dtype))
            check_mask_array(mask[None])
        counts = [
            tap[1:3] for tap in lpips.backbone.compute_output_shape(shape)
        ]
        rows, columns = (
            cut_axis(size, self.tile, grids, along)
            for size, grids, along in zip(
                reference.shape[:2],
                self._grids,
                zip(*counts, strict=True),
                strict=True,
            )
        )
        sums = np.zeros(len(self.taps))
        weights = np.zeros(len(self.taps))
        # 0 where a tile holds no pixel of the mask.
        maps = [np.zeros(c, np.float32) for c in counts] if with_maps else []
        band = None
        for row, column in progress(list(itertools.product(rows, columns))):
            if row is not band:
                band = row
                strips = [image[row.start : row.stop] for image in images]
            crops = [x[None, :, column.start : column.stop] for x in strips]
            found, covered = self._compare_tile(crops, mask, row, column)
            for tap, differences in enumerate(found):
                kept = 0, row.kept[tap], column.kept[tap]
                core, coverage = differences[kept], covered[tap][kept]
                sums[tap] += (core * coverage).sum(dtype=np.float64)
                weights[tap] += coverage.sum(dtype=np.float64)
                if with_maps:
                    maps[tap][row.positions[tap], column.positions[tap]] = core
        return TiledDistance(sums / weights, maps)

    def _compare_tile(self, crops, mask, row, column):
        """Returns the taps' maps of a tile, and the mask's coverage.

        Both are empty where the mask is 0 in the whole tile.
        """
        if mask is None:
            found = self._scorer.tap_maps(*crops)
            return found, [np.ones_like(tap) for tap in found]
        part = mask[None, row.start : row.stop, column.start : column.stop]
        if not part.any():
            return [], []
        found = self._scorer.tap_maps(*crops, part)
        lpips = self._scorer.lpips
        covered = lpips.coverage(part, found)
        return found, [keras.ops.convert_to_numpy(tap) for tap in covered]
