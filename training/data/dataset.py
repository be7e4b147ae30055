"""Opens and reads a prepared dataset: BAPPS, or one in its format.

Datasets are read through `tfds.data_source`, in the ArrayRecord format: it
gives random access, which an exact shuffle and an exact resume need.
"""

import contextlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tensorflow_datasets as tfds

from keras_lpips_cli.errors import UserError
from keras_lpips_cli.state_files import read_state

DATASET = "bapps"
JUDGEMENT_ROLES = ("ref", "p0", "p1", "judge")
JND_ROLES = ("p0", "p1", "same")


class DataError(UserError):
    """A dataset is missing or not of the required form."""


@dataclass(frozen=True)
class Batch:
    """A batch of triplets or pairs of one image size.

    Attributes:
        images: uint8 RGB, `(batch, height, width, 3)`, [0, 255], by role.
        answer: float32, `(batch,)`, [0, 1]: `judge` or `same`.
        ids: ids of the triplets.
    """

    images: dict[str, np.ndarray]
    answer: np.ndarray
    ids: list[str]


def open_prepared(
    data_dir: str | os.PathLike, config: str
) -> tfds.core.DatasetBuilder:
    """Opens a prepared dataset.

    Args:
        data_dir: TFDS's data folder, which holds `bapps/CONFIG/VERSION`, or
            that version's folder itself.
        config: "twoafc", "twoafc_64", "jnd" or "jnd_64".

    Returns:
        A read-only TFDS builder.

    Raises:
        DataError: if there is no such dataset.
    """
    data_dir = Path(data_dir)
    if (data_dir / "features.json").exists():
        folders = [data_dir]
    else:
        above = data_dir / DATASET / config
        folders = [path.parent for path in above.glob("*/features.json")]
    if not folders:
        raise DataError(
            f"{data_dir} holds no {DATASET}/{config}; prepare it with "
            "python -m pipelines.prepare_bapps, or give the folder that "
            "holds its features.json"
        )
    newest = max(folders, key=lambda path: _version(path.name))
    return tfds.builder_from_directory(newest)


def find_splits(builder: tfds.core.DatasetBuilder, part: str) -> list[str]:
    """Returns the names of a part's splits, such as "val_cnn" of "val".

    Raises:
        DataError: if the dataset has none.
    """
    splits = [
        name for name in sorted(builder.info.splits) if is_in_part(name, part)
    ]
    if not splits:
        raise DataError(
            f"{builder.data_dir} holds no split of {part!r}, only "
            f"{sorted(builder.info.splits)}"
        )
    return splits


def is_in_part(split: str, part: str) -> bool:
    """Returns whether a split belongs to a part, as "val_cnn" to "val"."""
    return split == part or split.startswith(f"{part}_")


def group_splits(
    builder: tfds.core.DatasetBuilder,
) -> dict[str, list[str]]:
    """Returns the splits of each source: "train", "val_cnn" and so on."""
    return {
        "train": find_splits(builder, "train"),
        **{
            f"val_{subset_name(split)}": [split]
            for split in sorted(builder.info.splits)
            if is_in_part(split, "val")
        },
    }


def subset_name(split: str) -> str:
    """Returns the subset in a split's name: "cnn" of "val_cnn"."""
    return split.partition("_")[2] or split


def open_source(
    builder: tfds.core.DatasetBuilder, splits: Sequence[str], **options
) -> Sequence:
    """Opens splits, read as one, for random access.

    Args:
        builder: see `open_prepared`.
        splits: names of splits.
        **options: options of `tfds.core.DatasetBuilder.as_data_source`.

    Returns:
        The sequence of examples.

    Raises:
        DataError: if the dataset has another format.
    """
    try:
        return builder.as_data_source("+".join(splits), **options)
    except NotImplementedError:
        raise DataError(
            f"{builder.data_dir} is not in the ArrayRecord format; prepare it "
            "with pipelines.prepare_bapps --file-format array_record"
        ) from None


@contextlib.contextmanager
def convert_read_errors(builder: tfds.core.DatasetBuilder) -> Iterator[None]:
    """Converts errors of ArrayRecord in the block to `DataError`."""
    try:
        yield
    except RuntimeError as error:
        raise DataError(
            f"{builder.data_dir} has a damaged file: {error}"
        ) from error


def read_batches(
    builder: tfds.core.DatasetBuilder, split: str, batch_size: int
) -> Iterator[Batch]:
    """Reads a split in order, in batches of one image size.

    Args:
        builder: see `open_prepared`.
        split: name of the split.
        batch_size: most triplets in a batch.

    Yields:
        Batches; a new batch begins where the image size changes.

    Raises:
        DataError: if an example has no judgement.
    """
    roles = find_roles(builder)
    *patches, answer = roles
    pending: list[dict] = []

    def batch():
        return Batch(
            {role: np.stack([x[role] for x in pending]) for role in patches},
            np.array([x[answer] for x in pending], np.float32),
            [x["id"].decode() for x in pending],
        )

    source = open_source(builder, [split])
    for i in range(len(source)):
        with convert_read_errors(builder):
            example = source[i]
        check_judged(builder, example[answer])
        shape = example[patches[0]].shape
        if pending and (
            len(pending) == batch_size or pending[0][patches[0]].shape != shape
        ):
            yield batch()
            pending = []
        pending.append(example)
    if pending:
        yield batch()


def check_judged(builder: tfds.core.DatasetBuilder, answer: float) -> None:
    """Raises `DataError` for NaN, the answer of a triplet without judgement."""
    if np.isnan(answer):
        raise DataError(
            f"{builder.data_dir} holds triplets without judgements; "
            "pipelines.synthesize adds them with --judge severity, or "
            "--judge and a metric"
        )


def judgement_origin(builder: tfds.core.DatasetBuilder) -> str:
    """Returns the origin of the answers; "" if people gave them.

    It is in the manifest of a synthetic set.
    """
    manifest = Path(builder.data_dir) / "manifest.json"
    if not manifest.exists():
        return ""
    held = read_state(manifest)
    # Sets of version 0.1.0 have the second key.
    return held.get("judge_description", held.get("judge_meaning", ""))


def find_roles(builder: tfds.core.DatasetBuilder) -> tuple[str, ...]:
    """Returns the names of an example's features, the answer last."""
    for roles in (JUDGEMENT_ROLES, JND_ROLES):
        if {*roles, "id"} <= set(builder.info.features):
            return roles
    raise DataError(
        f"{builder.data_dir} must hold {JUDGEMENT_ROLES} or {JND_ROLES}. "
        f"Received: {sorted(builder.info.features)}"
    )


def _version(name):
    parts = name.split(".")
    return tuple(int(part) if part.isdecimal() else -1 for part in parts)
