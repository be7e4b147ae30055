"""The record of a preparation that lies beside the dataset.

`manifest.json` says what the dataset was made from and what was left out. It
holds no times, hosts or paths of the machine, so that equal preparations
have equal manifests.
"""

import hashlib
import json
import platform
from collections import Counter
from collections.abc import Iterable
from importlib import metadata

from etils import epath

from tfds_bapps.source.errors import Problem
from tfds_bapps.writing.shards import Report, Shard

FILE_NAME = "manifest.json"
PACKAGES = (
    "apache-beam",
    "numpy",
    "pillow",
    "tensorflow",
    "tensorflow-datasets",
)


def split_entry(shards: list[Shard], reports: list[Report]) -> dict:
    """What the manifest says of a split.

    Args:
        shards: its shards, in order.
        reports: what became of them.
    """
    sizes = Counter()
    sha256 = hashlib.sha256()
    for report in reports:
        sizes.update(report.sizes)
        sha256.update(report.source_sha256.encode())
    answers = zip(*(report.answers for report in reports), strict=True)
    return {
        "triplets_in_source": sum(len(shard.triplets) for shard in shards),
        "examples": sum(report.examples for report in reports),
        "votes": shards[0].votes,
        "judgements": [sum(column) for column in answers],
        "patch_sizes": dict(sorted(sizes.items())),
        "source_sha256": sha256.hexdigest(),
    }


def write(
    folder: epath.Path,
    sources: list[dict],
    splits: dict[str, dict],
    problems: Iterable[Problem],
    ignored: int,
) -> None:
    """Writes the manifest.

    Args:
        folder: the dataset's folder.
        sources: name and sha256 (`None` for a tree) of each source.
        splits: `split_entry` of each split.
        problems: what was found bad and tolerated.
        ignored: files in the sources that are no part of a triplet.
    """
    manifest = {
        "sources": sources,
        "splits": splits,
        "left_out": [
            {
                "triplet": problem.triplet,
                "file": problem.file,
                "reason": problem.reason,
            }
            for problem in sorted(problems)
        ],
        "ignored_files": ignored,
        "versions": {
            "python": platform.python_version(),
            **{name: metadata.version(name) for name in PACKAGES},
        },
    }
    path = folder / FILE_NAME
    path.write_text(json.dumps(manifest, indent=1) + "\n")


def read(folder: epath.PathLike) -> dict:
    """Reads the manifest of a prepared dataset.

    Raises:
        FileNotFoundError: the dataset was not prepared by this builder.
    """
    return json.loads((epath.Path(folder) / FILE_NAME).read_text())
