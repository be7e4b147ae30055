"""The paper's lin, tune and scratch, and lin on vectors, for each backbone.

    python -m training.recipes

says of each the command, what it needs, how long it took where it was
measured, and the score to expect. All have the optimiser, batch and epochs of
the reference (`training.model.optimizer`, `training.run.schedule`).
"""

import sys
from dataclasses import dataclass

from keras_lpips.backbones.registry import BACKBONES
from training.report.paper_table import SUBSETS, published_row
from training.run.schedule import learning_rates

# The reference's `--use_dropout`: element-wise, before each head.
DROPOUT = 0.5
# The reference's `--batch_size`; over all replicas together.
GLOBAL_BATCH_SIZE = 50
# Of the backbone: dtype policies of Keras.
PRECISIONS = ("float32", "mixed_bfloat16")


@dataclass(frozen=True)
class Recipe:
    """One row of the paper's Table 5.

    Attributes:
        net: "alex", "vgg" or "squeeze".
        backbone_weights: "imagenet" or "random".
        trainable_backbone: whether the backbone learns with the heads.
        dropout: rate of the dropout before each head.
        on_vectors: whether each pair's vector is made once, so that
            training needs no backbone.
        paper_row: row of `training.report.paper_table.PUBLISHED` to be reached
            on BAPPS.
    """

    net: str
    backbone_weights: str
    trainable_backbone: bool
    dropout: float
    on_vectors: bool
    paper_row: str

    @property
    def expected(self) -> dict[str, float]:
        """2AFC on BAPPS in percent, by subset: the paper's."""
        row = published_row(self.paper_row)
        return {subset: row[subset] for subset in SUBSETS}


# Kind: backbone's weights, whether it learns, dropout, on vectors, paper's
# block.
KINDS = {
    "lin": ("imagenet", False, DROPOUT, False, "lin"),
    "lin-fast": ("imagenet", False, 0.0, True, "lin"),
    "lin-no-dropout": ("imagenet", False, 0.0, False, "lin"),
    "tune": ("imagenet", True, DROPOUT, False, "tune"),
    "scratch": ("random", True, DROPOUT, False, "scratch"),
}
PAPER_NAMES = {"alex": "Alex", "vgg": "VGG", "squeeze": "Squeeze"}

RECIPES = {
    f"{net}/{kind}": Recipe(net, *settings, f"{PAPER_NAMES[net]}, {block}")
    for net in BACKBONES
    for kind, (*settings, block) in KINDS.items()
}


# Training triplets of BAPPS (Zhang et al. 2018, table 2), and all epochs.
BAPPS_TRIPLETS = 151_300
MEASURED_TRIPLETS = 19_792
# Seconds on one AVX-512 core with that many triplets of 64 pixels: once, for
# the vectors, and for the fastest epoch. Those of vgg are worked out from an
# epoch of 1,028 triplets, but for the epochs on vectors.
SECONDS = {
    "alex/lin": (0, 44),
    "alex/lin-fast": (39, 1.3),
    "alex/lin-no-dropout": (0, 143),
    "alex/tune": (0, 137),
    "alex/scratch": (0, 120),
    "squeeze/lin": (0, 52),
    "squeeze/lin-fast": (33, 1.3),
    "squeeze/lin-no-dropout": (0, 108),
    "squeeze/tune": (0, 142),
    "squeeze/scratch": (0, 251),
    "vgg/lin": (0, 1546),
    "vgg/lin-fast": (1810, 0.9),
    "vgg/lin-no-dropout": (0, 1552),
    "vgg/tune": (0, 3811),
    "vgg/scratch": (0, 7219),
}
# Measured while other jobs wanted the same core.
BUSY = {
    "alex/lin-no-dropout",
    "squeeze/lin-no-dropout",
    "squeeze/scratch",
    "vgg/lin-fast",
    "vgg/scratch",
}


def describe(name: str) -> str:
    """Returns what a user wants to know of a recipe, as text."""
    recipe = find_recipe(name)
    needs = "2AFC triplets with judgements, prepared at 64 pixels"
    if recipe.backbone_weights == "imagenet":
        needs += f"; the pretrained backbone of {recipe.net}"
    if recipe.on_vectors:
        channels = sum(BACKBONES[recipe.net].tap_channels)
        needs += f"; {8 * channels / 1e6:.3f} MB of disk a triplet"
    expected = ", ".join(
        f"{subset} {score}" for subset, score in recipe.expected.items()
    )
    return "\n".join(
        [
            name,
            f"  python -m training.train --recipe {name} --data-dir DATA "
            "--output RUN",
            f"  needs     {needs}",
            f"  took      {_time_taken(name)}",
            f"  expect    2AFC in % on BAPPS, the paper's: {expected}",
        ]
    )


def _time_taken(name):
    if name not in SECONDS:
        return "not measured"
    once, epoch = SECONDS[name]
    epochs = len(learning_rates())
    hours = (once + epochs * epoch) * BAPPS_TRIPLETS / MEASURED_TRIPLETS / 3600
    first = f"{once:.0f} s once, then " if once else ""
    return (
        f"{first}{round(epoch, 1):,} s an epoch of {MEASURED_TRIPLETS:,} "
        f"triplets on one AVX-512 core{' that others used' * (name in BUSY)}; "
        f"at that rate {hours:.1f} h for BAPPS"
    )


def find_recipe(name: str) -> Recipe:
    """Returns the recipe called `name`; raises `ValueError` otherwise."""
    if name not in RECIPES:
        raise ValueError(
            f"--recipe must be one of {sorted(RECIPES)}. Received: {name!r}"
        )
    return RECIPES[name]


def main() -> int:
    """Prints all recipes; returns the exit status."""
    print("\n\n".join(describe(name) for name in RECIPES))
    return 0


if __name__ == "__main__":
    sys.exit(main())
