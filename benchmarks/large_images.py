"""Measures time and peak memory of a distance of two large images.

    python -m benchmarks.large_images alex 10000 --tile 1024

writes two uncompressed TIFFs of that many pixels a side into a temporary
folder, compares them, and prints the distance, the seconds, and the growth of
the process's peak memory after imports, loading the weights and comparing a
small image. Without `--tile` the images go through the net whole.
"""

import argparse
import tempfile
import time
from pathlib import Path
from typing import get_args

import numpy as np
import skimage.data
import tifffile

from benchmarks.memory import reset_peak, status_bytes
from keras_lpips.images.tiff_reader import open_pair
from keras_lpips.inference.scorer import get_scorer
from keras_lpips.inference.tiling import TiledScorer
from keras_lpips_cli.options import Net

BAND_ROWS = 500


def main(argv=None) -> None:
    """Measures what the arguments name; see the module."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("net", choices=get_args(Net))
    parser.add_argument("side", type=int)
    parser.add_argument("--tile", type=int)
    parser.add_argument("--map", action="store_true", help="keep the maps")
    arguments = parser.parse_args(argv)
    score = get_scorer(arguments.net)
    small = np.zeros((1, 64, 64, 3), np.uint8)
    score.distance(small, small)
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder, name) for name in ("sharp.tif", "noisy.tif")]
        write_pair(paths, arguments.side)
        reset_peak()
        before, start = status_bytes("VmRSS"), time.perf_counter()
        images = open_pair(*paths)
        if arguments.tile:
            tiled = TiledScorer(score, arguments.tile)
            distance = tiled.compare(*images, arguments.map).per_layer.sum()
        else:
            distance = score.distance(*(image[:][None] for image in images))[0]
        seconds = time.perf_counter() - start
        peak = status_bytes("VmHWM") - before
    print(
        f"{arguments.net}, {arguments.side} pixels a side, tile "
        f"{arguments.tile}: {distance:.9f}, {seconds:.1f} s, "
        f"{peak / 2**20:.0f} MiB"
    )


def write_pair(paths, side: int) -> None:
    """Writes a mosaic of a photograph, and the same with noise that grows.

    Args:
        paths: the two TIFFs.
        side: height and width, in pixels.
    """
    photo = skimage.data.astronaut()
    photo = np.concatenate([photo, photo[:, ::-1]], axis=1)
    random = np.random.default_rng(0)
    shape, columns = (side, side, 3), np.arange(side) % photo.shape[1]
    images = [
        tifffile.memmap(path, shape=shape, dtype=np.uint8, photometric="rgb")
        for path in paths
    ]
    for start in range(0, side, BAND_ROWS):
        rows = np.arange(start, min(start + BAND_ROWS, side))
        # Shifted from row to row, so that no two tiles are equal.
        sharp = np.stack(
            [photo[i % 512, (columns + i // 7) % 1024] for i in rows]
        )
        noise = (
            random.normal(0, 1, sharp.shape)
            * (5 + 40 * rows / side)[:, None, None]
        )
        images[0][rows[0] : rows[-1] + 1] = sharp
        images[1][rows[0] : rows[-1] + 1] = np.clip(sharp + noise, 0, 255)
    for image in images:
        image.flush()


if __name__ == "__main__":
    main()
