"""Embeds images as vectors whose squared distance is LPIPS."""

import io
from dataclasses import dataclass

import numpy as np

from keras_lpips.layers.normalization import to_signed_unit
from pipelines.execution import FILES, digest_bytes
from pipelines.filesystems import write_bytes
from pipelines.near_duplicates.config import DuplicatesConfig
from pipelines.scoring.batching import Batch, read_batches
from pipelines.scoring.model import make_graph, make_lpips
from pipelines.scoring.pairs import Entry

# Most bytes of a block of vectors: for alex, 2000 images of 64 x 64 or 100 of
# 256 x 256.
BLOCK_BYTES = 1 << 28


@dataclass(frozen=True)
class EmbeddingTask:
    """Consecutive images to embed.

    Attributes:
        folder: folder of the blocks.
        number: index of the task.
        first: position of the first image among all.
        paths: paths of the images.
    """

    folder: str
    number: int
    first: int
    paths: tuple[str, ...]

    @property
    def report_path(self) -> str:
        """The file whose existence marks the task as done."""
        return f"{self.folder}/run-{self.number:05}.json"


class Embedder:
    """Embeds batches of any size without retracing.

    Args:
        config: the net, and the size of images and batches.
        block_bytes: most bytes of a block of vectors.
    """

    def __init__(
        self, config: DuplicatesConfig, block_bytes: int = BLOCK_BYTES
    ):
        self.config = config
        self.block_bytes = block_bytes
        lpips = make_lpips(config)
        self.smallest_size = lpips.smallest_size
        self._graph = make_graph(
            lambda images: lpips.flatten(lpips.embed(to_signed_unit(images))),
            arguments=1,
        )

    def embed(self, batch: Batch) -> np.ndarray:
        """Returns vectors, float32, `(batch, features)`."""
        return self._graph(*batch.images).numpy()


def embed_images(task: EmbeddingTask, embedder: Embedder) -> dict:
    """Writes the vectors of a task, in blocks of images of one size.

    Returns:
        The report: `blocks`, the size, file and positions of the images of
        each; `errors`, positions and sentences; and the files, see
        `pipelines.execution.forget_damaged`.
    """
    errors: dict[int, str] = {}
    open_blocks: dict[tuple[int, int], _Block] = {}
    blocks: list[list] = []
    files: dict[str, str] = {}

    def close(size):
        block = open_blocks.pop(size)
        path = f"{task.folder}/block-{task.number:05}-{len(blocks):05}.npy"
        file = io.BytesIO()
        np.save(file, np.concatenate(block.vectors), allow_pickle=False)
        write_bytes(path, file.getvalue())
        files[path.rpartition("/")[2]] = digest_bytes(file.getvalue())
        blocks.append([list(size), path, block.positions])

    entries = (Entry((path,), (path,)) for path in task.paths)
    for batch in read_batches(
        entries, embedder.config, embedder.smallest_size, errors
    ):
        vectors = embedder.embed(batch)
        size = batch.images[0].shape[1:3]
        block = open_blocks.get(size)
        if block and block.bytes + vectors.nbytes > embedder.block_bytes:
            close(size)
        block = open_blocks.setdefault(size, _Block([], [], 0))
        block.vectors.append(vectors)
        block.positions += [task.first + at for at in batch.positions]
        block.bytes += vectors.nbytes
    for size in list(open_blocks):
        close(size)
    return {
        "blocks": blocks,
        "errors": [[task.first + at, errors[at]] for at in sorted(errors)],
        FILES: files,
    }


@dataclass
class _Block:
    vectors: list
    positions: list
    bytes: int
