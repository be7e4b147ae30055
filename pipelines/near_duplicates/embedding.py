"""Images as vectors whose squared distance is LPIPS, in blocks of one size."""

import io
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from keras_lpips.layers.lpips import LPIPS
from pipelines.filesystems import write_bytes
from pipelines.scoring.batching import Batch, read_batches
from pipelines.scoring.model import WARM_UP_SIZE, use_threads
from pipelines.scoring.pairs import Entry

# Of the vectors of a block: 2000 images of 64 x 64 for alex, 100 of 256 x 256.
BLOCK_BYTES = 1 << 28


@dataclass(frozen=True)
class Style:
    """How images become vectors.

    Attributes:
        net: "alex", "vgg" or "squeeze".
        version: "0.1" or "0.0".
        calibrated: whether the heads are used.
        resize: `(height, width)` in pixels, or `None`.
        batch_pixels: of a batch, at most.
    """

    net: str
    version: str
    calibrated: bool
    resize: tuple[int, int] | None
    batch_pixels: int


@dataclass(frozen=True)
class Run:
    """A run of images, the unit of this work.

    Attributes:
        folder: where blocks are written.
        number: which run it is.
        first: the first image's position among all.
        paths: of the images.
    """

    folder: str
    number: int
    first: int
    paths: tuple[str, ...]

    @property
    def report_path(self) -> str:
        """The file that says that the run is done."""
        return f"{self.folder}/run-{self.number:05}.json"


@dataclass(frozen=True)
class Embedding:
    """The work on runs: `load` and `perform` are for `run_tasks`.

    Attributes:
        style: how images become vectors.
        threads: of TensorFlow in each process; 0 leaves them to it.
        block_bytes: of the vectors of a block, at most.
    """

    style: Style
    threads: int = 0
    block_bytes: int = BLOCK_BYTES

    def load(self):
        """Loads the net and warms it up."""
        return Embedder(self.style, self.threads)

    def perform(self, run: Run, model) -> dict:
        """Writes the run's vectors.

        Returns:
            `blocks`: size, file and positions of the images of each; `faults`:
            positions and sentences.
        """
        faults, open_blocks, blocks = {}, {}, []

        def close(size):
            block = open_blocks.pop(size)
            path = f"{run.folder}/block-{run.number:05}-{len(blocks):05}.npy"
            file = io.BytesIO()
            np.save(file, np.concatenate(block.vectors), allow_pickle=False)
            write_bytes(path, file.getvalue())
            blocks.append([list(size), path, block.positions])

        entries = (Entry((path,), (path,)) for path in run.paths)
        for batch in read_batches(
            entries,
            self.style.resize,
            model.smallest_size,
            self.style.batch_pixels,
            faults,
            self.threads,
        ):
            vectors = model.embed(batch)
            size = batch.images[0].shape[1:3]
            block = open_blocks.get(size)
            if block and block.bytes + vectors.nbytes > self.block_bytes:
                close(size)
            block = open_blocks.setdefault(size, _Block([], [], 0))
            block.vectors.append(vectors)
            block.positions += [run.first + at for at in batch.positions]
            block.bytes += vectors.nbytes
        for size in list(open_blocks):
            close(size)
        return {
            "blocks": blocks,
            "faults": [[run.first + at, faults[at]] for at in sorted(faults)],
        }


@dataclass
class _Block:
    vectors: list
    positions: list
    bytes: int


class Embedder:
    """Turns batches of any size into vectors without being traced anew.

    Args:
        style: how images become vectors.
        threads: see `use_threads`.
    """

    def __init__(self, style: Style, threads: int):
        use_threads(threads)
        lpips = LPIPS(
            style.net, style.version, style.calibrated, dtype="float32"
        )
        self.smallest_size = lpips.smallest_size
        self._graph = tf.function(
            lambda images: lpips.flatten(
                lpips.embed(tf.cast(images, tf.float32) / 127.5 - 1)
            ),
            autograph=False,
            input_signature=[tf.TensorSpec((None, None, None, 3), tf.uint8)],
        )
        nothing = np.zeros((1, WARM_UP_SIZE, WARM_UP_SIZE, 3), np.uint8)
        self.embed(Batch((0,), (nothing,)))

    def embed(self, batch: Batch) -> np.ndarray:
        """Returns vectors, float32, `(batch, features)`."""
        return self._graph(*batch.images).numpy()
