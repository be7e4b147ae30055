"""Reads triplets with `tf.data`, in an order that depends on the seed.

The order depends on seed and epoch alone. A global batch is a slice of it, for
any number of replicas and workers.
"""

import functools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds

from training.data.dataset import (
    JUDGEMENT_ROLES,
    DataError,
    check_judged,
    convert_read_errors,
    find_roles,
    open_source,
)
from training.data.record_checks import check_records

PATCHES = JUDGEMENT_ROLES[:3]


class RecordSource:
    """Triplets of prepared splits, decoded when they are read.

    Args:
        builder: see `training.data.dataset.open_prepared`.
        splits: names of splits, read as one.

    Raises:
        DataError: if they are not 2AFC triplets, or the first has no
            judgement; see `check` for the others.
    """

    def __init__(
        self, builder: tfds.core.DatasetBuilder, splits: Sequence[str]
    ):
        if find_roles(builder) != JUDGEMENT_ROLES:
            raise DataError(f"{builder.data_dir} holds no 2AFC judgements")
        self._builder = builder
        self._records = open_source(
            builder,
            splits,
            deserialize_method=tfds.decode.DeserializeMethod.RAW_BYTES,
        )
        self._features = builder.info.features
        with convert_read_errors(builder):
            record = self._records[0]
        first = self._features.deserialize_example(record)
        self._shape = first["ref"].shape
        check_judged(builder, first["judge"].numpy())

    def __len__(self) -> int:
        """Returns the number of triplets."""
        return len(self._records)

    def check(self) -> None:
        """Raises `DataError` unless all are judged and of one size."""
        with convert_read_errors(self._builder):
            check_records(self._builder, self._records)

    def read(self, indices):
        """Returns tensors `ref`, `p0`, `p1` and `judge` of the indices."""
        records = tf.numpy_function(
            lambda numbers: np.array(
                [self._records[i] for i in numbers], object
            ),
            [indices],
            tf.string,
            stateful=False,
        )
        records = tf.ensure_shape(records, indices.shape)

        def decode(record):
            example = self._features.deserialize_example(record)
            patches = {
                role: tf.ensure_shape(example[role], self._shape)
                for role in PATCHES
            }
            return {**patches, "judge": example["judge"]}

        signature = {
            role: tf.TensorSpec(self._shape, tf.uint8) for role in PATCHES
        }
        signature["judge"] = tf.TensorSpec((), tf.float32)
        return tf.map_fn(decode, records, fn_output_signature=signature)


@dataclass(frozen=True)
class VectorSource:
    """Triplets as vectors of their two pairs.

    Attributes:
        vectors: float32, `(triplets, 2, channels)`.
        judge: float32, `(triplets,)`.
    """

    vectors: np.ndarray
    judge: np.ndarray

    def __len__(self) -> int:
        """Returns the number of triplets."""
        return len(self.judge)

    def read(self, indices):
        """Returns tensors `vector0`, `vector1`, `judge` of the indices."""
        vectors, judge = tf.numpy_function(
            lambda i: (np.asarray(self.vectors[i]), self.judge[i]),
            [indices],
            [tf.float32, tf.float32],
            stateful=False,
        )
        count = indices.shape[0]
        vectors = tf.ensure_shape(vectors, (count, *self.vectors.shape[1:]))
        return {
            "vector0": vectors[:, 0],
            "vector1": vectors[:, 1],
            "judge": tf.ensure_shape(judge, (count,)),
        }


def shuffled_order(count: int, seed: int, epoch: int) -> np.ndarray:
    """Returns the order of an epoch, int64 `(count,)`."""
    return np.random.default_rng([seed, epoch]).permutation(count)


def distributed_batches(
    strategy, source, order, global_batch_size, first_step=0
):
    """Reads triplets in an order, split over the replicas of a strategy.

    All batches of all replicas have one size. Missing rows, at the end of the
    order or because the size is not divisible, are padding with `weight` 0.

    Args:
        strategy: the strategy.
        source: a `RecordSource` or a `VectorSource`.
        order: int64, `(triplets,)`: indices of triplets.
        global_batch_size: triplets in a batch, over all replicas.
        first_step: number of batches to skip without reading. Defaults to 0.

    Returns:
        A distributed dataset of the source's dictionaries with `weight`,
        float32 `(batch,)`, 1 over the triplets of the global batch, and
        `row`, int64 `(batch,)`, the position in the global batch.
    """
    replicas = strategy.num_replicas_in_sync
    rows, weights = _plan(order, global_batch_size, replicas)
    rows, weights = rows[first_step:], weights[first_step:]

    def make(context):
        # The columns of this worker's replicas, one batch per replica.
        local = replicas // context.num_input_pipelines
        size = rows.shape[1] // replicas
        start = context.input_pipeline_id * local * size
        mine = slice(start, start + local * size)
        places = np.tile(np.arange(rows.shape[1])[mine], (len(rows), 1))
        cut = functools.partial(np.reshape, shape=(-1, size))
        dataset = tf.data.Dataset.from_tensor_slices(
            (
                cut(rows[:, mine]),
                cut(weights[:, mine]).astype(np.float32),
                cut(places),
            )
        )

        def read(indices, weight, row):
            return {**source.read(indices), "weight": weight, "row": row}

        return dataset.map(read, tf.data.AUTOTUNE, deterministic=True).prefetch(
            tf.data.AUTOTUNE
        )

    return strategy.distribute_datasets_from_function(make)


def count_steps(count: int, global_batch_size: int) -> int:
    """Returns the number of batches of `count` triplets."""
    return -(-count // global_batch_size)


def _plan(order, global_batch_size, replicas):
    """Returns indices and weights, `(steps, rows)`, rows divisible."""
    steps = count_steps(len(order), global_batch_size)
    width = -(-global_batch_size // replicas) * replicas
    rows = np.full((steps, width), order[0], np.int64)
    weights = np.zeros((steps, width))
    for step in range(steps):
        part = order[step * global_batch_size : (step + 1) * global_batch_size]
        rows[step, : len(part)] = part
        weights[step, : len(part)] = 1 / len(part)
    return rows, weights
