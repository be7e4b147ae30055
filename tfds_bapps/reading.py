"""Reads prepared triplets as a `tf.data` pipeline."""

from collections.abc import Sequence

import numpy as np
import tensorflow_datasets as tfds
from etils import epath

from tfds_bapps.bapps import bapps_dataset_builder
from tfds_bapps.source import layout
from tfds_bapps.writing import manifest

# Size of the shuffle buffer for records that are read in order.
SHUFFLE_TRIPLETS = 4096
# Records read at a time where random access is possible.
READ_TRIPLETS = 64


def read_triplets(
    config: str,
    splits: str | Sequence[str],
    data_dir: epath.PathLike | None = None,
    *,
    value_range: tuple[float, float] = (-1.0, 1.0),
    batch_size: int | None = None,
    cache: bool | str = False,
    shuffle_seed: int | None = None,
    host_index: int = 0,
    host_count: int = 1,
):
    """Reads prepared triplets, decoded in parallel and prefetched.

    Args:
        config: "twoafc", "twoafc_64", "jnd" or "jnd_64".
        splits: one or several splits, read one after another.
        data_dir: folder of the prepared datasets. Defaults to TFDS's folder.
        value_range: values to which 0 and 255 are mapped. Defaults to
            `(-1.0, 1.0)`.
        batch_size: triplets in a batch; the last may have fewer. Needs
            patches of one size. Defaults to `None`, no batches.
        cache: `True` to keep the decoded uint8 patches in memory, or the
            path of a cache file. Defaults to `False`.
        shuffle_seed: seed of the shuffle, which differs in each epoch.
            ArrayRecord files are shuffled globally, others within a buffer.
            Defaults to `None`, the order of the names.
        host_index: index of this host, in `[0, host_count)`.
        host_count: number of hosts that share the triplets; each triplet goes
            to one of them.

    Returns:
        A `tf.data.Dataset` of dicts: the patches (`ref`, `p0`, `p1`, or `p0`,
        `p1`) as float32 RGB `(height, width, 3)` in `value_range`, the answer
        (`judge` or `same`) as float32 `()` in [0, 1], `subset` and `id` as
        strings; with `batch_size`, each with a first axis of the batch.

    Raises:
        ValueError: an argument is not valid, a split is not prepared, or
            `batch_size` is given for patches of several sizes.
    """
    import tensorflow as tf

    low, high = value_range
    if not low < high:
        raise ValueError(
            "`value_range` must be an ascending pair. "
            f"Received: value_range={value_range}"
        )
    if not 0 <= host_index < host_count:
        raise ValueError(
            "`host_index` must be in [0, host_count). Received: "
            f"host_index={host_index}, host_count={host_count}"
        )
    builder = bapps_dataset_builder.Builder(config=config, data_dir=data_dir)
    splits = [splits] if isinstance(splits, str) else list(splits)
    _check_splits(builder, splits)
    size = _one_size(builder, splits)
    if batch_size is not None and None in size:
        raise ValueError(
            f"`batch_size` needs patches of one size, and {', '.join(splits)} "
            f"of bapps/{config} has several; read bapps/{config}_64, or "
            f"without batches. Received: batch_size={batch_size}"
        )

    task = layout.TASKS[builder.builder_config.task]
    features = builder.info.features

    def decode(example):
        for role in task.patches:
            patch = features[role].decode_example(example[role])
            example[role] = tf.ensure_shape(patch, (*size, 3))
        return example

    def scale(example):
        for role in task.patches:
            patch = tf.cast(example[role], tf.float32)
            example[role] = patch * ((high - low) / 255) + low
        return example

    share = _host_share(builder, splits, host_index, host_count)
    encoded_seed = None if cache else shuffle_seed
    if builder.info.file_format is tfds.core.FileFormat.ARRAY_RECORD:
        dataset = _by_index(builder, share, task, encoded_seed)
    else:
        dataset = _in_order(builder, share, task, encoded_seed)
    dataset = dataset.map(decode, tf.data.AUTOTUNE)
    if cache:
        dataset = dataset.cache("" if cache is True else str(cache))
        if shuffle_seed is not None:
            dataset = dataset.shuffle(SHUFFLE_TRIPLETS, shuffle_seed)
    if batch_size is not None:
        dataset = dataset.batch(batch_size)
    return dataset.map(scale, tf.data.AUTOTUNE).prefetch(tf.data.AUTOTUNE)


def _host_share(builder, splits, host_index, host_count):
    """Returns the slices that a host reads, as one TFDS read instruction."""
    instructions = []
    for split in splits:
        count = builder.info.splits[split].num_examples
        begin = count * host_index // host_count
        end = count * (host_index + 1) // host_count
        if begin < end:
            instructions.append(f"{split}[{begin}:{end}]")
    if not instructions:
        raise ValueError(
            f"`host_count` leaves host {host_index} without a triplet. "
            f"Received: host_count={host_count}"
        )
    return "+".join(instructions)


def _in_order(builder, split, task, shuffle_seed):
    """Reads records from start to end; patches are still PNG."""
    dataset = builder.as_dataset(
        split=split,
        decoders=dict.fromkeys(task.patches, tfds.decode.SkipDecoding()),
    )
    if shuffle_seed is not None:
        dataset = dataset.shuffle(SHUFFLE_TRIPLETS, shuffle_seed)
    return dataset


def _by_index(builder, split, task, shuffle_seed):
    """Reads records by their index; patches are still PNG."""
    import tensorflow as tf

    source = builder.as_data_source(
        split=split,
        deserialize_method=tfds.decode.DeserializeMethod.RAW_BYTES,
    )
    decoders = dict.fromkeys(task.patches, tfds.decode.SkipDecoding())

    def read(indices):
        records = source.__getitems__([int(index) for index in indices])
        return np.array(records, object)

    def read_batch(indices):
        records = tf.numpy_function(read, [indices], tf.string, stateful=False)
        return tf.ensure_shape(records, [None])

    def deserialize(record):
        features = builder.info.features
        return features.deserialize_example(record, decoders=decoders)

    dataset = tf.data.Dataset.range(len(source))
    if shuffle_seed is not None:
        dataset = dataset.shuffle(len(source), shuffle_seed)
    dataset = dataset.batch(READ_TRIPLETS).map(read_batch, tf.data.AUTOTUNE)
    return dataset.unbatch().map(deserialize, tf.data.AUTOTUNE)


def _check_splits(builder, splits):
    known = sorted(builder.info.splits)
    if not splits or not set(splits) <= set(known):
        raise ValueError(
            f"`splits` must be among {known}, those prepared in "
            f"{builder.data_dir}. Received: splits={splits}"
        )


def _one_size(builder, splits):
    """Returns the patches' height and width; `None` twice if sizes differ."""
    entries = manifest.read(builder.data_dir)["splits"]
    sizes = {size for split in splits for size in entries[split]["patch_sizes"]}
    if len(sizes) != 1:
        return None, None
    width, height = map(int, sizes.pop().split("x"))
    return height, width
