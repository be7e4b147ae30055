"""Which photograph gives which triplets, in which split, in which shard."""

from collections import defaultdict
from collections.abc import Sequence

from pipelines.image_io.survey import Photograph
from pipelines.synthesis import frames
from pipelines.synthesis.catalog import Catalog
from tfds_bapps.source import layout

# A shard is the unit of work, and a runner may deal shards out beforehand: a
# deblurred triplet costs many times what a traditional one does, so shards
# are small enough for workers to end together. All patches of one are held at
# once, 9 MB at 64 pixels.
SHARD_TRIPLETS = 256


def part_of(digest: str, val_share: float) -> str:
    """Whether a photograph is for training or validation.

    It depends on the photograph alone: more photographs move none of those
    that were there.
    """
    # Other digits than those that the turns of the families begin with.
    return "val" if int(digest[-8:], 16) < val_share * 2**32 else "train"


def plan(
    photographs: Sequence[Photograph],
    triplets: int,
    catalog: Catalog,
    val_share: float,
) -> dict[str, list[list[tuple[Photograph, tuple[int, ...]]]]]:
    """Divides the triplets over photographs, splits and shards.

    Args:
        photographs: and videos, ordered by digest.
        triplets: how many are made of all photographs together.
        catalog: says which subset a triplet belongs to.
        val_share: of the photographs, how many are for validation.

    Returns:
        By split ("train_cnn"), its shards; each a list of photographs with
        the indices of their triplets.
    """
    splits = defaultdict(list)
    for rank, photograph in enumerate(photographs):
        before = triplets * rank // len(photographs)
        after = triplets * (rank + 1) // len(photographs)
        part = part_of(photograph.digest, val_share)
        indices = defaultdict(list)
        for index in range(after - before):
            subset = (
                frames.SUBSET
                if photograph.frames
                else catalog.subset_of(photograph.digest, index)
            )
            indices[subset].append(index)
        for subset, mine in indices.items():
            split = layout.split_name(part, subset)
            splits[split].append((photograph, tuple(mine)))
    return {
        split: _shards(runs, SHARD_TRIPLETS)
        for split, runs in sorted(splits.items())
    }


def _shards(runs, length):
    """Cuts runs of indices into shards of almost equal length."""
    total = sum(len(indices) for _, indices in runs)
    count = -(-total // length)
    bounds = [total * i // count for i in range(1, count + 1)]
    shards, shard, filled = [], [], 0
    for photograph, indices in runs:
        while indices:
            room = bounds[len(shards)] - filled
            part, indices = indices[:room], indices[room:]
            shard.append((photograph, part))
            filled += len(part)
            if filled == bounds[len(shards)]:
                shards.append(shard)
                shard = []
    return shards
