"""`keras-lpips matrix`: the distances between all images of a folder."""

import os
import tempfile
from pathlib import Path

import numpy as np

from keras_lpips.images.validation import ImageError, prefix_errors
from keras_lpips_cli.options import (
    add_net_options,
    add_output_option,
    add_resize_option,
    check_output,
)
from keras_lpips_cli.signals import interruptible

BATCH_PIXELS = 64 * 64 * 64
# Vectors beyond this many bytes are kept in a temporary file, not in memory.
MEMORY_BYTES = 1 << 30
# Features that are multiplied at a time, to bound the float64 copy.
BLOCK_FEATURES = 1 << 14
# Below this a distance is rounding of the sum over features, in float64.
ROUNDING = 1e-12


def add_parser(subparsers) -> None:
    """Adds the subcommand."""
    parser = subparsers.add_parser(
        "matrix", help="distances of all pairs of a folder"
    )
    parser.add_argument("folder", metavar="DIR", type=Path)
    add_output_option(parser, "CSV, one row and one column per image")
    add_net_options(parser)
    add_resize_option(parser)


def run(arguments) -> None:
    """Writes the matrix, and its settings beside it as `.json`.

    Every image goes through the backbone once: LPIPS is the squared distance of
    the vectors that come out.
    """
    from keras_lpips.atomic_files import replacing_all, write_csv, write_json
    from keras_lpips.images.reader import list_images
    from keras_lpips.inference.provenance import describe
    from keras_lpips.inference.scorer import scorer

    check_output(arguments.output, (".csv",))
    paths = list_images(arguments.folder)
    settings = (arguments.net, arguments.version, arguments.calibrated)
    size = _common_size(paths, arguments.resize)
    score, folder = scorer(*settings), arguments.output.parent
    with tempfile.TemporaryFile(dir=folder) as file:
        vectors = _embed(score, paths, size, arguments.resize, file, folder)
        distances = squared_distances(vectors)
    names = [path.name for path in paths]
    rows = [
        (name, *(f"{d:.9g}" for d in row))
        for name, row in zip(names, distances, strict=True)
    ]
    settings_file = arguments.output.with_suffix(".json")
    with replacing_all(arguments.output, settings_file) as (table, beside):
        write_csv(table, ("name", *names), rows)
        write_json(
            beside,
            {
                **describe(*settings),
                "folder": str(arguments.folder),
                "images": len(names),
                "size": list(size),
            },
        )
    print(f"{len(names)} x {len(names)} distances in {arguments.output}")


def squared_distances(vectors) -> np.ndarray:
    """Returns the squared Euclidean distances between all rows.

    From inner products in float64, whose rounding lies far below that of the
    float32 vectors.

    Args:
        vectors: float32, `(images, features)`.

    Returns:
        float64, `(images, images)`; symmetric, with a diagonal of 0.
    """
    count, features = vectors.shape
    products = np.zeros((count, count))
    for i in range(0, features, BLOCK_FEATURES):
        block = vectors[:, i : i + BLOCK_FEATURES].astype(np.float64)
        products += block @ block.T
    norms = np.diag(products)
    distances = norms[:, None] + norms[None, :] - 2 * products
    distances = (distances + distances.T) / 2
    distances[distances < ROUNDING] = 0
    return distances


def _common_size(paths, resize):
    from keras_lpips.images.reader import read_size

    if resize:
        return resize
    sizes = {}
    for path in paths:
        sizes.setdefault(read_size(path), path)
    if len(sizes) > 1:
        (a, first), (b, second) = list(sizes.items())[:2]
        raise ImageError(
            f"{first} is {a[1]}x{a[0]} and {second} is {b[1]}x{b[0]}; give "
            "--resize to compare images of different sizes"
        )
    return next(iter(sizes))


def _embed(score, paths, size, resize, file, folder):
    from tqdm import tqdm

    count = max(1, BATCH_PIXELS // (size[0] * size[1]))
    vectors = None
    with tqdm(total=len(paths), unit="image", disable=None) as bar:
        for i in interruptible(range(0, len(paths), count)):
            batch = [_load(path, size, resize) for path in paths[i : i + count]]
            with prefix_errors(paths[i]):
                embedded = score.embed(np.stack(batch))
            if vectors is None:
                shape = (len(paths), embedded.shape[1])
                if (size_bytes := 4 * shape[0] * shape[1]) > MEMORY_BYTES:
                    _reserve(file, size_bytes, folder)
                    vectors = np.memmap(file, np.float32, "w+", shape=shape)
                else:
                    vectors = np.empty(shape, np.float32)
            vectors[i : i + len(batch)] = embedded
            bar.update(len(batch))
    return vectors


def _load(path, size, resize):
    from keras_lpips.images.reader import load_image

    pixels = load_image(path, resize)
    if pixels.shape[:2] != tuple(size):
        raise ImageError(f"{path} is not of the size that its head tells")
    return pixels


def _reserve(file, size_bytes, folder):
    """Raises `OSError` on a full disk, where a memory map would crash."""
    if not hasattr(os, "posix_fallocate"):
        return
    try:
        os.posix_fallocate(file.fileno(), 0, size_bytes)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(folder)) from None
