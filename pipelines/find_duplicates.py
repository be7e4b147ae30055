r"""Finds near-duplicates: all pairs of images within a distance.

    python -m pipelines.find_duplicates --images 'photos/**.png' --output
    near.csv \
        --threshold 0.05

Images of one size are compared by their flat embeddings, whose squared
distance is LPIPS; with --resize, all images. Beam's options follow `--`.
`pipelines/README.md` says what it costs.
"""

import logging
import sys
from collections.abc import Sequence
from dataclasses import dataclass

import simple_parsing

from keras_lpips.layers.lpips import VERSIONS
from keras_lpips.weights.npz import WeightsError
from pipelines.beam_options import parse_with_beam
from pipelines.near_duplicates.embedding import Style
from pipelines.near_duplicates.job import Order, find_neighbours
from pipelines.program import run
from pipelines.scoring.model import BATCH_PIXELS, NETS
from pipelines.scoring.size import size_of
from tfds_bapps.source.errors import PreparationError


@dataclass(frozen=True)
class Settings:
    """Among which images, how near, and by which net."""

    images: str
    """A pattern; ** also matches folders."""
    output: str
    """The table: a .csv of first, second, distance."""
    threshold: float = 0.05
    """The largest distance of a pair."""
    net: str = simple_parsing.choice(*NETS, default="alex")
    """The backbone."""
    version: str = simple_parsing.choice(*VERSIONS, default="0.1")
    """The heads' version."""
    off_the_shelf: bool = simple_parsing.field(
        default=False, action="store_true"
    )
    """Features without heads, the paper's w = 1."""
    resize: str = ""
    """HEIGHTxWIDTH to resize all images to; without it, only images of one
    size are compared."""
    tolerate: int = 0
    """How many bad images are left out instead of failing."""
    run_images: int = 500
    """Images in each run: what is lost when a worker is."""
    batch_pixels: int = BATCH_PIXELS
    """Of a batch, at most; changes the last digits."""
    threads: int = 0
    """TensorFlow's, in each process; 0 is one for each core."""


def main(argv: Sequence[str] | None = None) -> int:
    """Parses the command line and searches; returns the exit status."""
    settings, options = parse_with_beam("neighbours", __doc__, Settings, argv)
    return run(
        "neighbours",
        lambda: _find(settings, options),
        "the same command goes on",
        PreparationError,
        WeightsError,
    )


def _find(settings, options):
    made = find_neighbours(order_of(settings), options)
    for reason in made["bad"].values():
        print(f"neighbours: left out: {reason}", file=sys.stderr)
    print(
        f"{made['pairs']} pairs among {made['images']} images within "
        f"{settings.threshold:g} ({settings.output})"
    )


def order_of(settings: Settings) -> Order:
    """What the settings ask for.

    Raises:
        PreparationError: a flag's value cannot be used.
    """
    if not settings.output.endswith(".csv"):
        raise PreparationError(
            f"--output must end in .csv. Received: {settings.output}"
        )
    return Order(
        images=settings.images,
        output=settings.output,
        threshold=settings.threshold,
        style=Style(
            net=settings.net,
            version=settings.version,
            calibrated=not settings.off_the_shelf,
            resize=size_of(settings.resize),
            batch_pixels=settings.batch_pixels,
        ),
        run_images=settings.run_images,
        tolerate=settings.tolerate,
        threads=settings.threads,
    )


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING)
    logging.getLogger("pipelines").setLevel(logging.INFO)
    sys.exit(main())
