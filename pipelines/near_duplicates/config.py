"""The config of `pipelines.find_duplicates`.

It imports no heavy library, so that `--help` is fast.
"""

from dataclasses import dataclass

from keras_lpips_cli.options import NonNegativeInt, PositiveInt
from pipelines.scoring.config import ModelConfig


@dataclass(frozen=True, kw_only=True)
class DuplicatesConfig(ModelConfig):
    """Flags of `pipelines.find_duplicates`."""

    images: str
    """A pattern of image files; ** also matches folders."""
    output: str
    """The table to write: a .csv of first, second, distance."""
    threshold: float = 0.05
    """The largest distance of a pair."""
    tolerate: NonNegativeInt = 0
    """Most invalid images to skip instead of failing."""
    shard_images: PositiveInt = 500
    """Images in each task, the unit of work."""

    def __post_init__(self):
        """Validates the metric, the suffix and the threshold."""
        super().__post_init__()
        self.require_lpips("The search in vectors")
        if not self.output.endswith(".csv"):
            raise ValueError(
                f"--output must end in .csv. Received: {self.output}"
            )
        # False for NaN, too.
        if not self.threshold >= 0:
            raise ValueError(
                f"--threshold must be at least 0. Received: {self.threshold}"
            )
