r"""Scores pairs of images: their LPIPS distances, at any scale.

    python -m pipelines.score --pairs pairs.csv --net alex --output scores
    python -m pipelines.score --pairs 'refs/*.png,outs/*.png' --output scores \
        -- --direct_running_mode=multi_processing --direct_num_workers=8

Beam's options follow `--`. The same command writes the same bytes on any
runner and with any number of workers; `--resume` goes on after a stop.
`pipelines/README.md` says how it runs on a cluster.
"""

import logging
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass

import simple_parsing

from keras_lpips.layers.lpips import VERSIONS
from keras_lpips.weights.npz import WeightsError
from pipelines.beam_options import parse_with_beam
from pipelines.program import run
from pipelines.scoring.job import Order, TooManyBad, score
from pipelines.scoring.model import BATCH_PIXELS, NETS
from pipelines.scoring.results import FORMATS
from pipelines.scoring.shards import Style
from pipelines.scoring.size import size_of
from tfds_bapps.source.errors import PreparationError


@dataclass(frozen=True)
class Settings:
    """What is scored, with what, and where the scores go."""

    pairs: str
    """A .csv with columns reference and distorted, whose paths are absolute or
    start from its folder; .tfrecord files of the two encoded images; or two
    patterns of images with a comma between them, matched by name, else by name
    without suffix."""
    output: str
    """Folder of the scores."""
    net: str = simple_parsing.choice(*NETS, default="alex")
    """The backbone."""
    version: str = simple_parsing.choice(*VERSIONS, default="0.1")
    """The heads' version."""
    off_the_shelf: bool = simple_parsing.field(
        default=False, action="store_true"
    )
    """Features without heads, the paper's w = 1."""
    resize: str = ""
    """HEIGHTxWIDTH to resize all images to; without it, sizes that differ
    make a bad pair."""
    format: str = simple_parsing.choice(*FORMATS, default="csv")
    """Format of the scores."""
    maps: bool = simple_parsing.field(default=False, action="store_true")
    """Also write each pair's distances per pixel, as .npz."""
    tolerate: int = 0
    """How many bad pairs are left out instead of failing at the end."""
    resume: bool = simple_parsing.field(default=False, action="store_true")
    """Go on with what a stopped run, with the same settings, has left."""
    shard_pairs: int = 4000
    """Pairs of a list in each shard: what is lost when a worker is."""
    batch_pixels: int = BATCH_PIXELS
    """Of one side of a batch, at most; changes the last digits."""
    threads: int = 0
    """TensorFlow's, in each process; 0 is one for each core."""


def main(argv: Sequence[str] | None = None) -> int:
    """Parses the command line and scores; returns the exit status."""
    settings, options = parse_with_beam("score", __doc__, Settings, argv)
    return run(
        "score",
        lambda: _score(settings, options),
        "--resume goes on",
        PreparationError,
        WeightsError,
    )


def _score(settings, options):
    start = time.monotonic()
    try:
        manifest = score(order_of(settings), options)
    except TooManyBad as error:
        for line in error.examples:
            print(f"score: {line}", file=sys.stderr)
        raise
    seconds = time.monotonic() - start
    print(
        f"{manifest['mean']:.6f}  mean of {manifest['scored']} pairs "
        f"({manifest['bad']} bad) in {settings.output}, in {seconds:.1f} s, "
        f"{manifest['scored'] / seconds:.0f} per second"
    )


def order_of(settings: Settings) -> Order:
    """What the settings ask for.

    Raises:
        PreparationError: `--resize` is no size.
    """
    return Order(
        pairs=settings.pairs,
        output=settings.output,
        style=Style(
            net=settings.net,
            version=settings.version,
            calibrated=not settings.off_the_shelf,
            resize=size_of(settings.resize),
            format=settings.format,
            maps=settings.maps,
            batch_pixels=settings.batch_pixels,
        ),
        shard_pairs=settings.shard_pairs,
        tolerate=settings.tolerate,
        resume=settings.resume,
        threads=settings.threads,
    )


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING)
    logging.getLogger("pipelines").setLevel(logging.INFO)
    sys.exit(main())
