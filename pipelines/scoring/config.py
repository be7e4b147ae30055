"""The config of `pipelines.score`, from the flags to the workers.

It imports no heavy library, so that `--help` is fast.
"""

from dataclasses import asdict, dataclass
from typing import Literal

from keras_lpips_cli.options import (
    MetricConfig,
    NonNegativeInt,
    PositiveInt,
)

# Pixels of the references of a batch: 16 of 256 x 256, or 256 of 64 x 64.
BATCH_PIXELS = 1 << 20
# Limits of one image: 534 MB of pixels, a file of 256 MiB.
MAX_PIXELS = 178_000_000
MAX_FILE_BYTES = 1 << 28
READ_SECONDS = 300
# Settings that the result does not depend on, so a resumed run may change them,
# and input, which has a digest of its own.
IRRELEVANT_SETTINGS = {
    "pairs",
    "images",
    "output",
    "tolerate",
    "resume",
    "threads",
    "read_seconds",
    "run_images",
}
# Settings that `provenance.describe` records in other words.
WEIGHTS_SETTINGS = {"net", "version", "off_the_shelf"}


@dataclass(frozen=True, kw_only=True)
class ModelConfig(MetricConfig):
    """Flags that choose the model, its batches and limits of its images."""

    batch_pixels: PositiveInt = BATCH_PIXELS
    """Most pixels per batch, counting references only. It may change the last
    digits."""
    threads: NonNegativeInt = 0
    """TensorFlow's threads in each process; 0 is one for each core."""
    max_pixels: PositiveInt = MAX_PIXELS
    """Most height times width of an image. A larger one is bad, which is known
    before it is decoded."""
    max_file_bytes: PositiveInt = MAX_FILE_BYTES
    """Most bytes of an image's file. A larger one is bad and is not read."""
    read_seconds: PositiveInt = READ_SECONDS
    """Longest time to open, and to read, a file of a remote filesystem. After
    it, the image is bad."""

    @property
    def result_settings(self) -> dict:
        """The settings that the result depends on, but those of the weights.

        They are recorded, and a run with others is not resumed.
        """
        return {
            name: value
            for name, value in asdict(self).items()
            if name not in IRRELEVANT_SETTINGS | WEIGHTS_SETTINGS
        }


@dataclass(frozen=True, kw_only=True)
class ScoringConfig(ModelConfig):
    """Flags of `pipelines.score`."""

    pairs: str
    """A .csv with columns reference and distorted, whose paths are absolute or
    relative to its folder; .tfrecord files of the two encoded images; or two
    patterns of images with a comma between them, matched by name, else by name
    without suffix."""
    output: str
    """Folder of the scores."""
    format: Literal["csv", "parquet", "tfrecord"] = "csv"
    """Format of the scores."""
    maps: bool = False
    """Also write each pair's distances per pixel, as .npz."""
    tolerate: NonNegativeInt = 0
    """Most bad pairs to leave out instead of failing at the end."""
    resume: bool = False
    """Continue what a stopped run with the same settings has left."""
    shard_pairs: PositiveInt = 4000
    """Pairs of a list in each shard, the unit of work."""
