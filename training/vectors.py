"""The vector of each pair, made once: what calibration without dropout needs.

While the trunk is frozen, the distance of a pair is the product of the heads
with a vector of 1,152, 1,472 or 2,240 numbers that never changes.
"""

import json
from pathlib import Path

import numpy as np
import tensorflow as tf
from tqdm import tqdm

from training.batches import VectorSource
from training.run_folder import check_space

# Triplets that run through the trunk at once.
BATCH_SIZE = 50


def make_vectors(model, source, path) -> VectorSource:
    """Makes the vectors of a source, or goes on where it was stopped.

    Args:
        model: a `TripletModel` with a frozen trunk.
        source: a `RecordSource`.
        path: the `.npy` file of float32 `(triplets, 2, channels)`; the judge
            and the count of those done stand beside it.

    Returns:
        The vectors, not read into memory.
    """
    path = Path(path)
    channels = sum(head.channels for head in model.lpips.heads)
    shape = (len(source), 2, channels)
    judge_path, done_path = (
        path.with_suffix(".judge.npy"),
        path.with_suffix(".done.json"),
    )
    done = 0
    if path.exists() and done_path.exists():
        done = json.loads(done_path.read_text())
    else:
        check_space(path.parent, 4 * int(np.prod(shape)))
        for file, size in ((path, shape), (judge_path, shape[:1])):
            np.lib.format.open_memmap(file, "w+", np.float32, size).flush()
    vectors = np.lib.format.open_memmap(path, "r+")
    judge = np.lib.format.open_memmap(judge_path, "r+")

    @tf.function
    def both(batch):
        return tf.stack(model.pair_vectors(batch), axis=1)

    starts = range(done, len(source), BATCH_SIZE)
    indices = [
        np.minimum(np.arange(start, start + BATCH_SIZE), len(source) - 1)
        for start in starts
    ]
    if indices:
        dataset = tf.data.Dataset.from_tensor_slices(np.stack(indices))
        dataset = dataset.map(source.read, tf.data.AUTOTUNE).prefetch(2)
        bar = tqdm(dataset, path.stem, len(indices), disable=None)
        for start, batch in zip(starts, bar, strict=True):
            end = min(start + BATCH_SIZE, len(source))
            vectors[start:end] = both(batch).numpy()[: end - start]
            judge[start:end] = batch["judge"].numpy()[: end - start]
            vectors.flush()
            judge.flush()
            done_path.write_text(json.dumps(end))
    return VectorSource(vectors, np.array(judge))
