"""The config of `pipelines.score`, from the flags to the workers.

It imports no heavy library, so that `--help` is fast.
"""

from dataclasses import asdict, dataclass, fields
from typing import Literal

from keras_lpips_cli.options import (
    MetricConfig,
    NonNegativeInt,
    PositiveInt,
)
from saved_models.client import ServedModelConfig

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
    "shard_images",
}
# Settings that `provenance.describe` records in other words.
WEIGHTS_SETTINGS = {"metric", "net", "version", "off_the_shelf"}
# Settings of a model in the workers, and of one on a server.
HERE_ONLY = {
    *WEIGHTS_SETTINGS,
    *("resize", "batch_pixels", "threads", "max_pixels", "maps"),
}
SERVER_ONLY = {"server", "model", "model_version", "label", "grpc"}


@dataclass(frozen=True, kw_only=True)
class ModelConfig(MetricConfig):
    """Flags that choose the model, its batches and limits of its images."""

    batch_pixels: PositiveInt = BATCH_PIXELS
    """Most pixels of references per batch; may change the last digits."""
    threads: NonNegativeInt = 0
    """TensorFlow's threads in each process; 0 is one for each core."""
    max_pixels: PositiveInt = MAX_PIXELS
    """Most height times width of an image; a larger one is invalid."""
    max_file_bytes: PositiveInt = MAX_FILE_BYTES
    """Most bytes of an image file; a larger one is invalid."""
    read_seconds: PositiveInt = READ_SECONDS
    """Longest time to read a remote file; then the image is invalid."""

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
class ScoringConfig(ServedModelConfig, ModelConfig):
    """Flags of `pipelines.score`."""

    pairs: str
    """A .csv, .tfrecord files, or two patterns with a comma between them."""
    output: str
    """Folder of the scores."""
    format: Literal["csv", "parquet", "tfrecord"] = "csv"
    """Format of the scores."""
    maps: bool = False
    """Also write each pair's distances per pixel, as .npz."""
    tolerate: NonNegativeInt = 0
    """Most failed pairs to accept instead of failing at the end."""
    resume: bool = False
    """Continue what a stopped run with the same settings has left."""
    shard_pairs: PositiveInt = 4000
    """Pairs of a list in each shard, the unit of work."""
    server: str | None = None
    """HOST:PORT of a server of an exported model; it computes, not workers."""

    def __post_init__(self):
        """Checks the form of --server, and what flags exclude."""
        ServedModelConfig.__post_init__(self)
        ModelConfig.__post_init__(self)
        if self.maps:
            self.require_lpips("--maps")
        if self.server is not None and None in self.address:
            raise ValueError(
                f"--server must be HOST:PORT. Received: {self.server}"
            )
        where = "is not for" if self.server else "needs"
        for field in fields(self):
            unused = HERE_ONLY if self.server else SERVER_ONLY
            changed = getattr(self, field.name) != field.default
            if field.name in unused and changed:
                flag = field.name.replace("_", "-")
                raise ValueError(f"--{flag} {where} --server")

    @property
    def address(self) -> tuple[str, int | None]:
        """Host and port of the server; the port is `None` if it is none."""
        host, _, port = (self.server or "").rpartition(":")
        valid = host and port.isdecimal() and 0 < int(port) < 1 << 16
        return host.strip("[]"), int(port) if valid else None

    @property
    def result_settings(self) -> dict:
        """See `ModelConfig`; those of the model here, or on the server."""
        unused = HERE_ONLY if self.server else SERVER_ONLY
        settings = super().result_settings
        return {x: settings[x] for x in settings if x not in unused}
