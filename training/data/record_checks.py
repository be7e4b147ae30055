"""Validates all triplets before training, without decoding images."""

import io
from collections.abc import Sequence

import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds
from PIL import Image
from tqdm import tqdm

from training.data.dataset import JUDGEMENT_ROLES, DataError, check_judged

RECORDS_AT_ONCE = 100


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
    # Pillow reads the header only.
    opened = (Image.open(io.BytesIO(data)) for data in images.numpy())
    return np.array([(image.height, image.width) for image in opened])


def _text(size):
    return f"{size[0]} x {size[1]}"
