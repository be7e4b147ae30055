"""Precomputes the vectors of pairs, for calibration without dropout.

With a frozen backbone, the distance of a pair is the inner product of the heads
and a constant vector with one element per channel of the taps.
"""

import functools
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tensorflow as tf
from tqdm import tqdm

from keras_lpips.atomic_files import write_json
from keras_lpips.weights.npz import content_digest, file_digest
from keras_lpips_cli.state_files import read_state
from training.data.batches import VectorSource
from training.data.dataset import DataError
from training.data.fingerprint import identify
from training.run.run_folder import check_space

# Triplets that run through the backbone at once.
BATCH_SIZE = 50
DESCRIPTION = "vectors.json"
# The key of the digests of files, by name.
FILES = "files"


@dataclass(frozen=True)
class VectorFiles:
    """The files of a source's vectors.

    Attributes:
        folder: folder of the files.
        name: name of the source, "train" or "val_cnn".
    """

    folder: Path
    name: str

    @property
    def vectors(self) -> Path:
        """The `.npy` file of float32 `(triplets, 2, channels)`."""
        return Path(self.folder) / f"{self.name}.npy"

    @property
    def judge(self) -> Path:
        """The `.npy` file of float32 `(triplets,)`."""
        return Path(self.folder) / f"{self.name}.judge.npy"

    @property
    def done(self) -> Path:
        """The JSON file with the number of finished triplets.

        Once all are finished, it also holds the digests of the other files.
        """
        return Path(self.folder) / f"{self.name}.done.json"

    def count_done(self) -> int:
        """Returns the number of finished triplets."""
        if not self.done.exists():
            return 0
        return read_state(self.done).get("triplets", 0)

    def finish(self, count: int) -> None:
        """Records that all of `count` triplets are in the files."""
        write_json(self.done, {"triplets": count, FILES: self._digests()})

    def is_whole(self, count: int) -> bool:
        """Returns whether the files hold `count` triplets, unchanged since."""
        if self.count_done() != count:
            return False
        try:
            return read_state(self.done).get(FILES) == self._digests()
        except FileNotFoundError:
            return False

    def _digests(self):
        return {
            path.name: file_digest(path) for path in (self.vectors, self.judge)
        }

    def read(self, count: int) -> VectorSource:
        """Returns the vectors, memory-mapped.

        Raises:
            DataError: if the files do not hold `count` triplets, or have
                changed since they were written.
        """
        if self.count_done() != count:
            raise DataError(
                f"{self.folder} holds vectors of {self.count_done()} triplets "
                f"of {self.name}, not of {count}; "
                "run training.precompute"
            )
        if not self.is_whole(count):
            raise DataError(
                f"{self.vectors} or {self.judge.name} differs from its digest "
                f"in {self.done.name}; run training.precompute again"
            )
        return self.load()

    def load(self) -> VectorSource:
        """Returns the vectors, memory-mapped, without a check."""
        vectors = np.load(self.vectors, mmap_mode="r")
        return VectorSource(vectors, np.load(self.judge))


def make_vectors(model, source, files: VectorFiles) -> VectorSource:
    """Computes the vectors of a source; resumes if some are done.

    Args:
        model: a `TripletModel` with a frozen backbone.
        source: a `RecordSource`.
        files: the files to write.

    Returns:
        The vectors, memory-mapped.
    """
    channels = sum(head.channels for head in model.lpips.heads)
    shape = (len(source), 2, channels)
    if files.is_whole(len(source)):
        return files.load()
    done = files.count_done()
    try:
        vectors, judge = map(_open_array, (files.vectors, files.judge))
    except (OSError, ValueError):
        # They are missing or cut off.
        done = 0
    if done % len(source) == 0:
        done = 0
        check_space(files.vectors.parent, 4 * int(np.prod(shape)))
        for file, size in ((files.vectors, shape), (files.judge, shape[:1])):
            np.lib.format.open_memmap(file, "w+", np.float32, size).flush()
        vectors, judge = map(_open_array, (files.vectors, files.judge))
    for start, part, answers in embed(model, source, done, len(source)):
        end = start + len(part)
        vectors[start:end], judge[start:end] = part, answers
        vectors.flush()
        judge.flush()
        write_json(files.done, {"triplets": end})
    files.finish(len(source))
    return files.load()


def _open_array(path):
    return np.lib.format.open_memmap(path, "r+")


def embed(model, source, first: int, last: int):
    """Computes vectors batch by batch.

    Args:
        model: a `TripletModel` with a frozen backbone.
        source: a `RecordSource`.
        first: index of the first triplet.
        last: index after the last triplet.

    Yields:
        The index of a batch's first triplet, vectors, float32 `(batch, 2,
        channels)`, and judges, float32 `(batch,)`.
    """
    starts = range(first, last, BATCH_SIZE)
    if not starts:
        return
    # Batches of one size need only one graph.
    indices = [
        np.minimum(np.arange(start, start + BATCH_SIZE), last - 1)
        for start in starts
    ]
    dataset = tf.data.Dataset.from_tensor_slices(np.stack(indices))
    dataset = dataset.map(source.read, tf.data.AUTOTUNE).prefetch(2)
    bar = tqdm(dataset, "vectors", len(indices), unit="batch", disable=None)
    compute = _compiled(model)
    for start, batch in zip(starts, bar, strict=True):
        count = min(BATCH_SIZE, last - start)
        vectors = compute(batch).numpy()
        yield start, vectors[:count], batch["judge"].numpy()[:count]


@functools.lru_cache(maxsize=2)
def _compiled(model):
    return tf.function(lambda batch: tf.stack(model.pair_vectors(batch), 1))


def describe_vectors(model, precision: str, builder) -> dict:
    """Returns the settings that vectors depend on, for `DESCRIPTION`.

    Args:
        model: the `TripletModel`.
        precision: dtype policy of its backbone.
        builder: see `training.data.dataset.open_prepared`.
    """
    backbone = {
        f"{layer.name}/{variable.name}": np.asarray(variable)
        for layer in model.lpips.backbone.layers
        for variable in layer.weights
    }
    return {
        "net": model.recipe.net,
        "taps": model.lpips.taps,
        "precision": precision,
        "backbone_digest": content_digest(backbone),
        **identify(builder),
        "splits": {
            name: [split.num_examples, split.num_bytes]
            for name, split in sorted(builder.info.splits.items())
        },
    }


def check_description(folder, description: dict) -> None:
    """Raises `DataError` unless a folder holds the described vectors."""
    path = Path(folder) / DESCRIPTION
    if not path.exists():
        raise DataError(f"{folder} holds no vectors of training.precompute")
    held = read_state(path)
    other = sorted(
        {
            key.removesuffix("_digest")
            for key, value in description.items()
            if held.get(key) != value
        }
    )
    if other:
        raise DataError(
            f"{folder} holds vectors of another {' and '.join(other)}"
        )
