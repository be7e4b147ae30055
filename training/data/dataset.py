"""Finding and reading a prepared dataset: BAPPS, or one in its form."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tensorflow_datasets as tfds

DATASET = "bapps"
JUDGEMENT_ROLES = ("ref", "p0", "p1", "judge")
JND_ROLES = ("p0", "p1", "same")


class DataError(ValueError):
    """A dataset is missing or not of the form that is needed."""


@dataclass(frozen=True)
class Batch:
    """Triplets, or pairs, of one size.

    Attributes:
        images: uint8 RGB, `(batch, height, width, 3)`, [0, 255], by role.
        answer: float32, `(batch,)`, [0, 1]: `judge` or `same`.
        ids: names of the triplets.
    """

    images: dict[str, np.ndarray]
    answer: np.ndarray
    ids: list[str]


def open_prepared(data_dir, config: str):
    """Opens a dataset that was prepared.

    Args:
        data_dir: TFDS's folder, which holds `bapps/CONFIG/VERSION`, or the
            innermost of these folders itself.
        config: "twoafc", "twoafc_64", "jnd" or "jnd_64".

    Returns:
        A TFDS builder that only reads.

    Raises:
        DataError: if there is none.
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
            "python -m pipelines.prepare_bapps, or name the folder that "
            "holds its features.json"
        )
    newest = max(folders, key=lambda path: _version(path.name))
    return tfds.builder_from_directory(newest)


def splits_of(builder, part: str) -> list[str]:
    """Returns the splits of a part ("train" or "val"), by name.

    Raises:
        DataError: if the dataset has none.
    """
    splits = [
        name for name in sorted(builder.info.splits) if is_of_part(name, part)
    ]
    if not splits:
        raise DataError(
            f"{builder.data_dir} holds no split of {part!r}, only "
            f"{sorted(builder.info.splits)}"
        )
    return splits


def is_of_part(split: str, part: str) -> bool:
    """Whether a split belongs to a part: "val_cnn" does to "val"."""
    return split == part or split.startswith(f"{part}_")


def sources_of(builder) -> dict[str, list[str]]:
    """Returns what training reads as one: splits by "train", "val_cnn" ..."""
    return {
        "train": splits_of(builder, "train"),
        **{
            f"val_{subset_of(split)}": [split]
            for split in sorted(builder.info.splits)
            if is_of_part(split, "val")
        },
    }


def subset_of(split: str) -> str:
    """Returns the subset that a split's name says: "cnn" of "val_cnn"."""
    return split.partition("_")[2] or split


def read_batches(builder, split: str, batch_size: int) -> Iterator[Batch]:
    """Reads a split in its order, in batches of one size of images.

    Args:
        builder: see `open_prepared`.
        split: its name.
        batch_size: most triplets in a batch.

    Yields:
        Batches; a new one begins where the size changes.

    Raises:
        DataError: if an example has no judgement.
    """
    roles = roles_of(builder)
    *patches, answer = roles
    waiting = []

    def batch():
        return Batch(
            {role: np.stack([x[role] for x in waiting]) for role in patches},
            np.array([x[answer] for x in waiting], np.float32),
            [x["id"].decode() for x in waiting],
        )

    for example in tfds.as_numpy(builder.as_dataset(split=split)):
        check_judged(builder, example[answer])
        shape = example[patches[0]].shape
        if waiting and (
            len(waiting) == batch_size or waiting[0][patches[0]].shape != shape
        ):
            yield batch()
            waiting = []
        waiting.append(example)
    if waiting:
        yield batch()


def check_judged(builder, answer) -> None:
    """Raises `DataError` for NaN, which a set without judges holds."""
    if np.isnan(answer):
        raise DataError(
            f"{builder.data_dir} holds triplets without judgements; "
            "pipelines.synthesize makes some with --judge severity, or "
            "--judge and a metric"
        )


def judge_meaning(builder) -> str:
    """Returns what the answers are; "" where people gave them.

    A synthetic set says so in the manifest beside it.
    """
    manifest = Path(builder.data_dir) / "manifest.json"
    if not manifest.exists():
        return ""
    return json.loads(manifest.read_text()).get("judge_meaning", "")


def roles_of(builder) -> tuple[str, ...]:
    """Returns the features that an example must have, the answer last."""
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
