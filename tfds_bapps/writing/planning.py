"""How the triplets of a split are divided into shards."""

import tensorflow_datasets as tfds

from tfds_bapps.source.triplets import Triplets
from tfds_bapps.writing.shards import Shard

# A shard is the unit of work, so shards are small enough to go round.
SHARD_BYTES = 64 << 20
SHARD_TRIPLETS = 8192


def plan_shards(
    triplets: Triplets,
    template: tfds.core.ShardedFileTemplate,
    features: tfds.features.FeaturesDict,
    votes: int | None,
    shorter_side: int | None,
    num_shards: int | None = None,
    max_shard_bytes: int | None = None,
) -> list[Shard]:
    """Divides a split into runs of triplets of almost equal length.

    Args:
        triplets: the complete triplets of the split.
        template: TFDS's template of the shards' file names.
        features: TFDS's features of the dataset.
        votes: judgements per triplet, or `None` if they are not known.
        shorter_side: height or width to which patches are resized, or `None`.
        num_shards: number of shards. Defaults to as many as keep each of
            them below `max_shard_bytes` and `SHARD_TRIPLETS`.
        max_shard_bytes: bytes of the source that go into a shard. Defaults
            to `SHARD_BYTES`.

    Returns:
        The shards, in order; together they hold each triplet once.
    """
    total = int(triplets.sizes.sum(dtype="int64"))
    count = num_shards or max(
        -(-total // (max_shard_bytes or SHARD_BYTES)),
        -(-len(triplets) // SHARD_TRIPLETS),
    )
    count = min(count, len(triplets))
    bounds = [len(triplets) * i // count for i in range(count + 1)]
    return [
        Shard(
            path=str(
                template.sharded_filepath(shard_index=i, num_shards=count)
            ),
            file_format=template.filetype_suffix,
            features=features,
            triplets=triplets[bounds[i] : bounds[i + 1]],
            votes=votes,
            shorter_side=shorter_side,
        )
        for i in range(count)
    ]
