"""Validates all triplets before training, without decoding images."""

from collections.abc import Sequence

import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds
from tqdm import tqdm

from training.data.dataset import JUDGEMENT_ROLES, DataError, check_judged

RECORDS_AT_ONCE = 100
# PNG: width and height follow the signature and the first chunk's header.
PNG_SIGNATURE = b"\x89PNG"
PNG_SIZE_AT, PNG_SIZE_BYTES = 16, 8


def check_records(
    builder: tfds.core.DatasetBuilder, records: Sequence[bytes]
) -> None:
    """Checks that all triplets are judged and of one size.

    Args:
        builder: see `training.data.dataset.open_prepared`.
        records: serialized 2AFC triplets.

    Raises:
        DataError: naming the first triplet of another size.
    """
    *patches, judge = JUDGEMENT_ROLES
    features = dict.fromkeys((*patches, "id"), tf.string)
    features[judge] = tf.float32
    features = {
        name: tf.io.FixedLenFeature((), dtype)
        for name, dtype in features.items()
    }
    first_size = None
    starts = range(0, len(records), RECORDS_AT_ONCE)
    for start in tqdm(starts, "checking triplets", leave=False, disable=None):
        numbers = range(start, min(start + RECORDS_AT_ONCE, len(records)))
        examples = tf.io.parse_example([records[i] for i in numbers], features)
        for answer in examples[judge].numpy():
            check_judged(builder, answer)
        for role in patches:
            sizes = _sizes(examples[role])
            first_size = sizes[0] if first_size is None else first_size
            for other in np.flatnonzero((sizes != first_size).any(axis=1))[:1]:
                name = examples["id"].numpy()[other].decode()
                raise DataError(
                    f"{builder.data_dir} holds images of different sizes, "
                    f"{_text(first_size)} and, in triplet {name}, "
                    f"{_text(sizes[other])} pixels; training needs one size. "
                    "--config twoafc_64 of pipelines.prepare_bapps makes "
                    "square patches 64 x 64"
                )


def _sizes(images):
    """Returns heights and widths of image files, int `(files, 2)`."""
    heads = tf.strings.substr(images, 0, PNG_SIZE_AT + PNG_SIZE_BYTES).numpy()
    return np.array(
        [
            np.frombuffer(head, ">u4", 2, PNG_SIZE_AT)[::-1]
            if head.startswith(PNG_SIGNATURE)
            else tf.io.decode_image(images[i]).shape[:2]
            for i, head in enumerate(heads)
        ]
    )


def _text(size):
    return f"{size[0]} x {size[1]}"
