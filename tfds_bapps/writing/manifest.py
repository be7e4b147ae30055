"""The manifest of a prepared dataset: sources, counts, skipped triplets.

`manifest.json` is beside the shards. It contains no times, hosts or paths, so
that equal preparations have equal manifests.
"""

import contextlib
import hashlib
import json
import platform
from collections import Counter
from collections.abc import Iterable, Sequence
from importlib import metadata

from etils import epath

from tfds_bapps.source import archives
from tfds_bapps.source.errors import FileError, PreparationError
from tfds_bapps.writing.shards import Report, Shard

FILE_NAME = "manifest.json"
# The key of the digests of a split's files, by name.
SHARDS = "shards"
PACKAGES = ("numpy", "pillow", "tensorflow", "tensorflow-datasets")


def split_entry(shards: Sequence[Shard], reports: Sequence[Report]) -> dict:
    """Returns the entry of a split.

    Args:
        shards: its shards, in order.
        reports: their reports.
    """
    sizes: Counter[str] = Counter()
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
        SHARDS: {
            epath.Path(shard.path).name: report.shard_sha256
            for shard, report in zip(shards, reports, strict=True)
        },
    }


def write(
    folder: epath.Path,
    sources: Iterable[archives.Source],
    splits: dict[str, dict],
    errors: Iterable[FileError],
    ignored: int,
) -> None:
    """Writes the manifest.

    Args:
        folder: the dataset's folder.
        sources: the sources.
        splits: `split_entry` of each split.
        errors: the errors that were tolerated.
        ignored: number of files in the sources that belong to no triplet.
    """
    versions = {"python": platform.python_version()}
    for name in PACKAGES:
        with contextlib.suppress(metadata.PackageNotFoundError):
            versions[name] = metadata.version(name)
    manifest = {
        "sources": [
            {
                "name": source.name,
                "sha256": archives.digest(source.path)
                if source.in_archive
                else None,
                "published_sha256": source.archive and source.archive.sha256,
            }
            for source in sources
        ],
        "splits": splits,
        "skipped_triplets": [
            {
                "triplet": error.triplet,
                "file": error.file,
                "reason": error.reason,
            }
            for error in sorted(errors)
        ],
        "ignored_files": ignored,
        "versions": versions,
    }
    path = folder / FILE_NAME
    path.write_text(json.dumps(manifest, indent=1) + "\n")


def read(folder: epath.PathLike) -> dict:
    """Reads the manifest of a prepared dataset.

    Raises:
        FileNotFoundError: the dataset was not prepared by this builder.
        PreparationError: the manifest is damaged.
    """
    path = epath.Path(folder) / FILE_NAME
    try:
        found = json.loads(path.read_bytes())
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict) or not isinstance(found.get("splits"), dict):
        raise PreparationError(
            f"{path} is damaged: it is not a manifest of a prepared dataset. "
            "Restore it, or delete its folder to prepare it again."
        )
    return found


def find_changed(folder: epath.PathLike) -> list[str]:
    """Returns the names of shards that are missing or differ from the manifest.

    Raises:
        FileNotFoundError: the dataset was not prepared by this builder.
        PreparationError: the manifest is damaged.
    """
    folder = epath.Path(folder)
    return [
        name
        for split in read(folder)["splits"].values()
        # Manifests of version 0.1.0 hold no digests.
        for name, expected in split.get(SHARDS, {}).items()
        if not (folder / name).exists()
        or archives.digest(folder / name) != expected
    ]
