"""Which data a run or vectors were made from.

Nothing here needs TFDS.
"""

import hashlib
from pathlib import Path

# What a preparation writes of itself; the first is there in sets made here.
DESCRIPTIONS = ("manifest.json", "dataset_info.json")


def identify(data) -> dict[str, str]:
    """Returns name and digest of a prepared dataset, as JSON holds them.

    Every synthetic set has the same name. The digest is SHA-256 over what the
    preparation tells of the set, and over names and sizes of its shards; it
    does not depend on where the set lies.

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
