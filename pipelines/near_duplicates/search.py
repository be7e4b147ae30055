"""Finds pairs of vectors within a distance, with FAISS and float64."""

import io
from dataclasses import dataclass

import numpy as np

from pipelines.filesystems import read_bytes

# FAISS computes distances as expanded squares in float32. This fraction of the
# two squared norms bounds the error, with a margin.
FAISS_ERROR = 1e-5


@dataclass(frozen=True)
class Block:
    """Vectors of images of one size.

    Attributes:
        path: an `.npy` of float32, `(images, features)`.
        positions: positions of the images among all.
    """

    path: str
    positions: tuple[int, ...]

    def read(self) -> np.ndarray:
        """Returns the vectors."""
        return np.load(io.BytesIO(read_bytes(self.path)), allow_pickle=False)


@dataclass(frozen=True)
class SearchTask:
    """Compares a block with itself and with others of its size.

    Attributes:
        report_path: the file whose existence marks it as done.
        block: the vectors.
        others: the later blocks.
        threshold: the largest distance of a pair.
    """

    report_path: str
    block: Block
    others: tuple[Block, ...]
    threshold: float


def search_block(task: SearchTask, _=None) -> dict:
    """Finds the pairs of a task.

    Returns:
        `near`: positions of two images and their distance.
    """
    import faiss

    vectors = task.block.read()
    index = faiss.IndexFlatL2(vectors.shape[1])
    index.add(vectors)
    near = []
    for other in (task.block, *task.others):
        theirs = vectors if other is task.block else other.read()
        for i, k, distance in find_within(
            index, vectors, theirs, task.threshold
        ):
            # A pair inside one block is found twice.
            if other is not task.block or i < k:
                pair = sorted((task.block.positions[i], other.positions[k]))
                near.append([*pair, distance])
    return {"near": sorted(near)}


def find_within(index, vectors, queries, threshold):
    """Yields the pairs of rows within the threshold.

    Args:
        index: a FAISS index of `vectors`.
        vectors: float32, `(images, features)`.
        queries: float32, `(others, features)`.
        threshold: largest squared distance.

    Yields:
        Row of `vectors`, row of `queries`, and their squared distance.
    """
    slack = FAISS_ERROR * (_largest_norm(vectors) + _largest_norm(queries))
    limits, _, found = index.range_search(queries, threshold + slack)
    for k in range(len(queries)):
        for i in found[limits[k] : limits[k + 1]]:
            difference = vectors[i].astype(np.float64) - queries[k]
            distance = float(difference @ difference)
            if distance <= threshold:
                yield int(i), k, distance


def _largest_norm(vectors):
    return float(np.einsum("ij,ij->i", vectors, vectors).max())
