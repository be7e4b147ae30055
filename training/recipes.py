"""The paper's lin, tune and scratch, and lin on vectors, for each trunk.

Each recipe is run by

    python -m training.train --recipe NAME --data-dir DATA --output RUN

with the optimiser, batch and epochs of the reference (`training.optimizer`,
`training.schedule`). On BAPPS it needs the train splits of `bapps/twoafc_64`.
"""

from dataclasses import dataclass

from keras_lpips.backbones import BACKBONES
from training.paper_table import SUBSETS, published_row

# The reference's `--use_dropout`: element-wise, before each head.
DROPOUT = 0.5
# The reference's `--batch_size`; over all replicas together.
GLOBAL_BATCH_SIZE = 50


@dataclass(frozen=True)
class Recipe:
    """One row of the paper's Table 5.

    Attributes:
        net: "alex", "vgg" or "squeeze".
        trunk_weights: "imagenet" or "random".
        trainable_trunk: whether the trunk learns with the heads.
        dropout: rate of the dropout before each head.
        on_vectors: whether each pair's vector is made once, so that
            training needs no trunk.
        paper_row: row of `training.paper_table.PUBLISHED` to be reached on
            BAPPS.
    """

    net: str
    trunk_weights: str
    trainable_trunk: bool
    dropout: float
    on_vectors: bool
    paper_row: str

    @property
    def expected(self) -> dict[str, float]:
        """2AFC on BAPPS in percent, by subset: the paper's."""
        row = published_row(self.paper_row)
        return {subset: row[subset] for subset in SUBSETS}


# Kind: trunk's weights, whether it learns, dropout, on vectors, paper's block.
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


def find_recipe(name: str) -> Recipe:
    """Returns the recipe called `name`; raises `ValueError` otherwise."""
    if name not in RECIPES:
        raise ValueError(
            f"--recipe must be one of {sorted(RECIPES)}. Received: {name!r}"
        )
    return RECIPES[name]
