"""Divides the triplets over photographs, splits and shards."""

from collections import defaultdict
from collections.abc import Sequence

from pipelines.image_io.survey import Photograph
from pipelines.synthesis import frames
from pipelines.synthesis.catalog import load_catalog
from pipelines.synthesis.config import SynthesisConfig
from tfds_bapps.source import layout

# Deblurring takes many times longer than traditional distortions, and runners
# may assign shards in advance. Small shards balance the load of workers. All
# patches of a shard are held at once, 9 MB at 64 pixels.
SHARD_TRIPLETS = 256


def find_part(digest: str, val_share: float) -> str:
    """Returns whether a photograph is for training or validation.

    It depends on the photograph alone, so that adding photographs does not move
    others.
    """
    # Digits that `Catalog.find_subset` does not use.
    return "val" if int(digest[-8:], 16) < val_share * 2**32 else "train"


def make_plan(
    photographs: Sequence[Photograph], config: SynthesisConfig
) -> dict[str, list[list[tuple[Photograph, tuple[int, ...]]]]]:
    """Divides the triplets over photographs, splits and shards.

    Args:
        photographs: photographs and videos, ordered by digest.
        config: flags of the program.

    Returns:
        The shards of each split ("train_cnn"); each a list of photographs
        with the indices of their triplets.
    """
    catalog, triplets = load_catalog(config), config.triplets
    splits = defaultdict(list)
    for rank, photograph in enumerate(photographs):
        before = triplets * rank // len(photographs)
        after = triplets * (rank + 1) // len(photographs)
        part = find_part(photograph.digest, config.val_share)
        indices = defaultdict(list)
        for index in range(after - before):
            subset = (
                frames.SUBSET
                if photograph.frames
                else catalog.find_subset(photograph.digest, index)
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
    """Cuts lists of indices into shards of almost equal length."""
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
