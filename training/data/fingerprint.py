"""Computes the name and digest of a dataset, without importing TFDS."""

import hashlib
from pathlib import Path

# Files that describe a prepared dataset; the first is in synthetic sets.
DESCRIPTIONS = ("manifest.json", "dataset_info.json")


def identify(data) -> dict[str, str]:
    """Returns the name and digest of a prepared dataset.

    All synthetic sets have the same name. The digest is SHA-256 over the
    files that describe the set, and over names and sizes of its shards. It
    does not depend on the location of the set.

    Args:
        data: TFDS builder of the dataset.

    Returns:
        `data` and `data_digest`.
    """
    digest = hashlib.sha256()
    for name in DESCRIPTIONS:
        path = Path(data.data_dir) / name
        if path.exists():
            digest.update(path.read_bytes())
    shards = [
        Path(path)
        for _, split in sorted(data.info.splits.items())
        for path in split.filepaths
    ]
    for shard in shards:
        digest.update(f"{shard.name} {shard.stat().st_size}\n".encode())
    return {
        "data": str(data.info.full_name),
        "data_digest": digest.hexdigest(),
    }
