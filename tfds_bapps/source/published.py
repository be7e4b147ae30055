"""What is published about BAPPS: archives, digests and counts.

Sources: the authors' repository (github.com/richzhang/PerceptualSimilarity)
and the tables of the paper. Despite their names the archives are plain tar
today; the format of a file is detected from its first bytes.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tfds_bapps.source import layout

HOMEPAGE = "https://github.com/richzhang/PerceptualSimilarity"
HOST = "https://perceptual-similarity.s3.us-west-2.amazonaws.com/dataset/"


@dataclass(frozen=True)
class Archive:
    """An archive that the authors published.

    Attributes:
        file: its file name.
        task: "2afc" or "jnd".
        part: "train" or "val".
        sha256: published digest, or `None` where none is known.
    """

    file: str
    task: str
    part: str
    sha256: str | None

    @property
    def url(self) -> str:
        """The URL of the archive."""
        return HOST + self.file

    @property
    def counts(self) -> dict[str, int]:
        """The published number of triplets of each split in it."""
        return {
            split: count
            for split, count in COUNTS[self.task].items()
            if split.startswith(layout.split_name(self.part, ""))
        }


# A third party published the digests, without the sizes in bytes that
# `checksums.tsv` needs, so they are compared after the download.
ARCHIVES = (
    Archive(
        "twoafc_train.tar.gz",
        "2afc",
        "train",
        "b4f5c772c7cd88ac44bcb4ff0741745d434c05f0094f2bfb262ddcd0055bf393",
    ),
    Archive(
        "twoafc_val.tar.gz",
        "2afc",
        "val",
        "41486671b06de923e7ba277c4797d4d9d86d609863ba35ecdb576133f8b9d859",
    ),
    Archive("jnd.tar.gz", "jnd", "val", None),
)

# Triplets of each subset. 2AFC val is exact; the others are given by the
# paper to the nearest hundred.
COUNTS = {
    "2afc": {
        "train_traditional": 56_600,
        "train_cnn": 38_100,
        "train_mix": 56_600,
        "val_traditional": 4_720,
        "val_cnn": 4_720,
        "val_superres": 10_856,
        "val_deblur": 9_440,
        "val_color": 4_720,
        "val_frameinterp": 1_888,
    },
    "jnd": {"val_traditional": 4_800, "val_cnn": 4_800},
}
ROUNDING = 50


def count_errors(
    archive: Archive,
    counts: Mapping[str, int],
    is_selected: Callable[[str], bool],
) -> list[str]:
    """Compares the counts of an archive with the published ones.

    Args:
        archive: the archive.
        counts: triplets of each split in it, incomplete ones included.
        is_selected: function that returns whether a split is compared.

    Returns:
        A message for each split whose count differs from the published one.
    """
    exact = (archive.task, archive.part) == ("2afc", "val")
    slack = 0 if exact else ROUNDING
    return [
        f"{split} has {counts.get(split, 0)} triplets, "
        f"{'' if exact else 'about '}{count} are published"
        for split, count in archive.counts.items()
        if is_selected(split) and abs(counts.get(split, 0) - count) > slack
    ]
