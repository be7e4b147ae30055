"""The settings of the programs; each dataclass is a program's flags.

It imports no heavy library, so that `--help` is fast.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from keras_lpips_cli.options import AnyNet, NonNegativeInt, PositiveInt
from training.recipes import GLOBAL_BATCH_SIZE, Schedule, find_recipe

# Keras dtype policies of the backbone.
Precision = Literal["float32", "mixed_bfloat16"]


@dataclass(frozen=True)
class TrainConfig:
    """Settings of `training.train`."""

    data_dir: Path
    """Folder of the prepared datasets."""
    output: Path
    """Folder of the run."""
    recipe: str = "alex/lin"
    """Name of the recipe; `python -m training.recipes` lists them."""
    config: str = "twoafc_64"
    """Configuration of the dataset."""
    vectors: Path | None = None
    """Folder made by training.precompute; for lin-fast recipes only."""
    taps: tuple[str, ...] = ()
    """Names of the layers to compare. Defaults to the net's own taps."""
    distance_only: bool = False
    """Use a scaled difference of the distances instead of the ranking head."""
    schedule: Schedule = "reference"
    """Full rate for six epochs (reference) or five (literal), then decay."""
    epochs: NonNegativeInt = 0
    """Stop after this many epochs; 0 for the whole schedule."""
    batch_size: PositiveInt = GLOBAL_BATCH_SIZE
    """Triplets per batch, over all replicas."""
    seed: int = 0
    """Seed of the weights, the order of the triplets and the dropout."""
    precision: Precision = "float32"
    """Dtype policy of the backbone."""
    jit: bool = False
    """Compile the steps with XLA; needs a single device."""
    checkpoint_seconds: float = 60.0
    """Seconds between checkpoints within an epoch."""

    def __post_init__(self):
        """Validates the recipe's name and the vectors' recipe."""
        recipe = find_recipe(self.recipe)
        if self.vectors and not recipe.on_vectors:
            raise ValueError(
                f"--vectors is for lin-fast recipes, not for {self.recipe}"
            )


@dataclass(frozen=True)
class PrecomputeConfig:
    """Settings of `training.precompute`."""

    data_dir: Path
    """Folder of the prepared datasets."""
    output: Path
    """Folder of the vectors."""
    recipe: str = "alex/lin-fast"
    """Name of the lin-fast recipe that the vectors are for."""
    config: str = "twoafc_64"
    """Configuration of the dataset."""
    taps: tuple[str, ...] = ()
    """Names of the layers to compare. Defaults to the net's own taps."""
    precision: Precision = "float32"
    """Dtype policy of the backbone."""
    triplets_per_task: PositiveInt = 2000
    """Triplets that a worker processes as one task."""

    def __post_init__(self):
        """Validates the recipe."""
        if not find_recipe(self.recipe).on_vectors:
            raise ValueError(
                f"--recipe must be a lin-fast recipe. Received: {self.recipe}"
            )


@dataclass(frozen=True)
class EvaluateConfig:
    """Settings of `training.evaluate`."""

    data_dir: Path
    """Folder of the prepared datasets."""
    output: Path
    """Folder of the report; created if missing."""
    metrics: tuple[str, ...] = ("lpips/alex", "l2")
    """Metrics to evaluate; training/metrics/registry.py lists the names."""
    config: str = "twoafc_64"
    """Configuration with the 2AFC judgements."""
    jnd_config: str = "jnd_64"
    """Configuration with the JND judgements; skipped if not prepared."""
    part: str = "val"
    """Part of the dataset: val, test or train."""
    batch_size: PositiveInt = 64
    """Most triplets in a batch."""
    skip_shift: bool = False
    """Skip the robustness to a shift, which takes 8 passes per triplet."""
    worst: NonNegativeInt = 12
    """Triplets per metric on the page of disagreements."""


@dataclass(frozen=True)
class SeverityConfig:
    """Settings of `training.severity`."""

    data_dir: Path
    """Folder made by pipelines.synthesize with --judge severity."""
    output: Path
    """Folder of the tables; created if missing."""
    metrics: tuple[str, ...] = ("lpips/alex", "l2")
    """Metrics to score; training/metrics/registry.py lists the names."""
    batch_size: PositiveInt = 64
    """Most triplets in a batch."""


@dataclass(frozen=True)
class EquivalentsConfig:
    """Settings of `training.equivalents`."""

    photos: Path
    """Folder of photographs, at least 288 pixels high and wide."""
    output: Path
    """The .json file of the tables."""
    metrics: tuple[str, ...] = (
        "lpips/alex@0.1",
        "lpips/alex@0.0",
        "lpips/alex@st",
        "lpips/vgg@0.1",
        "lpips/vgg@0.0",
        "lpips/vgg@st",
        "lpips/squeeze@0.1",
        "lpips/squeeze@0.0",
        "dists",
    )
    """Metrics, LPIPS with the version."""

    def __post_init__(self):
        """Validates the file's suffix."""
        if self.output.suffix != ".json":
            raise ValueError(f"--output must be a .json, not {self.output}")


@dataclass(frozen=True)
class KmeansConfig:
    """Settings of `training.kmeans`."""

    photos: Path
    """Folder of photographs."""
    output: Path
    """The .npz file of weights to write."""
    net: AnyNet = "alex"
    """The backbone; the paper uses alex."""
    crops: PositiveInt = 400
    """Crops of the photographs that each layer sees."""
    patches: PositiveInt = 10000
    """Patches that are clustered for each layer."""
    seed: int = 0
    """Seed of crops, patches and first clusters."""

    def __post_init__(self):
        """Validates the file's suffix."""
        if self.output.suffix != ".npz":
            raise ValueError(f"--output must be an .npz, not {self.output}")
