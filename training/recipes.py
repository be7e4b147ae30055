"""Training recipes: the paper's lin, tune and scratch, and lin on vectors.

    python -m training.recipes

prints each recipe's command, needs, measured time and expected score. All use
the optimizer, batch size and epochs of the reference
(`training.model.optimizer`).
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from training.report.paper_table import SUBSETS, published_row

Schedule = Literal["reference", "literal"]

# The reference's `--use_dropout`: element-wise, before each head.
DROPOUT = 0.5
# The reference's `--batch_size`, over all replicas.
GLOBAL_BATCH_SIZE = 50


@dataclass(frozen=True)
class TrainingRecipe:
    """A training recipe; a row of the paper's Table 5.

    Attributes:
        net: name of the backbone.
        backbone_weights: "imagenet" or "random".
        trainable_backbone: whether the backbone is trained with the heads.
        dropout: rate of the dropout before each head.
        on_vectors: whether each pair's vector is computed once, so that
            training does not run the backbone.
        paper_block: block of Table 5: "lin", "tune" or "scratch".
    """

    net: str
    backbone_weights: str
    trainable_backbone: bool
    dropout: float
    on_vectors: bool
    paper_block: str

    @property
    def expected(self) -> dict[str, float] | None:
        """The paper's 2AFC scores on BAPPS in percent, by subset.

        `None` for a net that the paper does not evaluate.
        """
        from keras_lpips.backbones.registry import find_backbone

        paper_name = find_backbone(self.net).paper_name
        row = published_row(f"{paper_name}, {self.paper_block}")
        return row and {subset: row[subset] for subset in SUBSETS}


# Kind: backbone weights, trainable backbone, dropout, on vectors, block of
# Table 5.
KINDS = {
    "lin": ("imagenet", False, DROPOUT, False, "lin"),
    "lin-fast": ("imagenet", False, 0.0, True, "lin"),
    "lin-no-dropout": ("imagenet", False, 0.0, False, "lin"),
    "tune": ("imagenet", True, DROPOUT, False, "tune"),
    "scratch": ("random", True, DROPOUT, False, "scratch"),
}

# Training triplets of BAPPS (Zhang et al. 2018, table 2), and of the set
# whose epochs were timed.
BAPPS_TRIPLETS = 151_300
MEASURED_TRIPLETS = 19_792
# Seconds on one AVX-512 core with MEASURED_TRIPLETS of 64 pixels: once for
# the vectors, and for the fastest epoch. vgg's (except the epochs on vectors)
# are extrapolated from an epoch of 1,028 triplets.
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
# Measured while other jobs used the same core.
BUSY = {
    "alex/lin-no-dropout",
    "squeeze/lin-no-dropout",
    "squeeze/scratch",
    "vgg/lin-fast",
    "vgg/scratch",
}


@dataclass(frozen=True)
class RecipesConfig:
    """Settings of `training.recipes`: it has none."""


def describe(name: str) -> str:
    """Returns a recipe's command, needs, measured time and expected score."""
    from keras_lpips.backbones.registry import find_backbone

    recipe = find_recipe(name)
    needs = "2AFC triplets with judgements, prepared at 64 pixels"
    if recipe.backbone_weights == "imagenet":
        needs += f"; the pretrained backbone {recipe.net}"
    if recipe.on_vectors:
        channels = sum(find_backbone(recipe.net).tap_channels)
        needs += f"; {8 * channels / 1e6:.3f} MB of disk per triplet"
    expected = ", ".join(
        f"{subset} {score}" for subset, score in (recipe.expected or {}).items()
    )
    return "\n".join(
        [
            name,
            f"  python -m training.train --recipe {name} --data-dir DATA "
            "--output RUN",
            f"  needs     {needs}",
            f"  took      {_time_taken(name)}",
            f"  expected  {expected or 'the paper has no such net'} "
            "(2AFC in %, the paper's on BAPPS)",
        ]
    )


def recipe_names() -> list[str]:
    """Returns the names of all recipes.

    A backbone without pretrained weights has those that need none.
    """
    from keras_lpips.backbones.registry import BACKBONES

    return [
        f"{net}/{kind}"
        for net, backbone in BACKBONES.items()
        for kind, (weights, *_) in KINDS.items()
        if backbone.weights or weights == "random"
    ]


def find_recipe(name: str) -> TrainingRecipe:
    """Returns the recipe called `name`; raises `ValueError` if unknown."""
    if name not in recipe_names():
        raise ValueError(
            f"--recipe must be one of {recipe_names()}. Received: {name!r}"
        )
    net, _, kind = name.partition("/")
    return TrainingRecipe(net, *KINDS[kind])


def main(argv: Sequence[str] | None = None) -> int:
    """Prints all recipes and returns the exit status."""
    from keras_lpips_cli.program import parse, run

    parse(RecipesConfig, __doc__, argv, prog="training.recipes")

    def work():
        print("\n\n".join(describe(name) for name in recipe_names()))

    return run("training.recipes", work)


def _time_taken(name):
    from training.model.optimizer import learning_rates

    if name not in SECONDS:
        return "not measured"
    once, epoch = SECONDS[name]
    epochs = len(learning_rates())
    hours = (once + epochs * epoch) * BAPPS_TRIPLETS / MEASURED_TRIPLETS / 3600
    first = f"{once:.0f} s once, then " if once else ""
    core = f"one AVX-512 core{' shared with other jobs' * (name in BUSY)}"
    return (
        f"{first}{round(epoch, 1):,} s per epoch of {MEASURED_TRIPLETS:,} "
        f"triplets on {core}; at that rate {hours:.1f} h for BAPPS"
    )


if __name__ == "__main__":
    sys.exit(main())
