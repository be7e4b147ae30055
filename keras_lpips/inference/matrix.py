"""Computes the distances between all images of a list."""

import os
import tempfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np

from keras_lpips.images.reader import load_image, read_size
from keras_lpips.images.validation import ImageError, prefix_errors
from keras_lpips.inference.scorer import BATCH_PIXELS

# Vectors beyond this many bytes are kept in a temporary file, not in memory.
MEMORY_BYTES = 1 << 30
# Features that are multiplied at a time, to bound the float64 copy.
BLOCK_FEATURES = 1 << 14
# Smaller distances are rounding errors of the float64 sum.
ROUNDING = 1e-12


def compare_all(
    paths: Sequence[Path],
    scorer,
    size: tuple[int, int],
    resize: tuple[int, int] | None = None,
    folder: str | os.PathLike | None = None,
    progress: Callable[[Sequence], Iterable] = iter,
) -> np.ndarray:
    """Returns the distances between all pairs of images.

    Every image goes through the backbone once: LPIPS is the squared distance
    between the vectors that `Scorer.embed` returns.

    Args:
        paths: the images' files.
        scorer: a `Scorer`.
        size: `(height, width)` of all images; see `find_common_size`.
        resize: see `load_image`. Defaults to `None`.
        folder: folder of the temporary file for vectors that are too large for
            memory. Defaults to `None`, the system's own folder.
        progress: wraps the sequence of batches, for example to draw a bar.

    Returns:
        float64, `(images, images)`; symmetric, with a diagonal of 0.

    Raises:
        ImageError: naming the file, if an image cannot be used.
        OSError: if the disk has no room for the vectors.
    """
    place = os.fspath(folder or tempfile.gettempdir())
    with tempfile.TemporaryFile(dir=place) as file:
        vectors = _embed(scorer, paths, size, resize, file, place, progress)
        return squared_distances(vectors)


def find_common_size(
    paths: Iterable[Path], resize: tuple[int, int] | None = None
) -> tuple[int, int]:
    """Returns the `(height, width)` of all images, from their headers.

    Args:
        paths: the images' files.
        resize: returned if it is not `None`. Defaults to `None`.

    Raises:
        ImageError: naming two files, if their sizes differ.
    """
    if resize:
        return resize
    sizes: dict[tuple[int, int], Path] = {}
    for path in paths:
        sizes.setdefault(read_size(path), path)
    if len(sizes) > 1:
        (a, first), (b, second) = list(sizes.items())[:2]
        raise ImageError(
            f"{first} is {a[1]}x{a[0]} and {second} is {b[1]}x{b[0]}; give "
            "--resize to compare images of different sizes"
        )
    return next(iter(sizes))


def squared_distances(vectors: np.ndarray) -> np.ndarray:
    """Returns the squared Euclidean distances between all rows.

    Computed from inner products in float64, whose rounding error is far smaller
    than that of the float32 vectors.

    Args:
        vectors: float32, `(images, features)`.

    Returns:
        float64, `(images, images)`; symmetric, with a diagonal of 0. NaN in
        each row and column whose vector holds NaN.
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


def _embed(scorer, paths, size, resize, file, folder, progress):
    count = max(1, BATCH_PIXELS // (size[0] * size[1]))
    vectors = None
    for i in progress(range(0, len(paths), count)):
        batch = [_load(path, size, resize) for path in paths[i : i + count]]
        with prefix_errors(paths[i]):
            embedded = scorer.embed(np.stack(batch))
        if vectors is None:
            shape = (len(paths), embedded.shape[1])
            if (size_bytes := 4 * shape[0] * shape[1]) > MEMORY_BYTES:
                _reserve(file, size_bytes, folder)
                vectors = np.memmap(file, np.float32, "w+", shape=shape)
            else:
                vectors = np.empty(shape, np.float32)
        vectors[i : i + len(batch)] = embedded
    return vectors


def _load(path, size, resize):
    pixels = load_image(path, resize)
    if pixels.shape[:2] != tuple(size):
        raise ImageError(f"{path}: decoded size differs from its header")
    return pixels


def _reserve(file, size_bytes, folder):
    """Raises `OSError` on a full disk, where a memory map would crash."""
    if not hasattr(os, "posix_fallocate"):
        return
    try:
        os.posix_fallocate(file.fileno(), 0, size_bytes)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(folder)) from None
