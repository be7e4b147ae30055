r"""Makes data like BAPPS from photographs: triplets, or pairs for JND.

    python -m pipelines.synthesize --photos DIR --triplets 20000 --output DATA
    python -m pipelines.synthesize --photos 'DIR/*.jpg' --triplets 1000000 \
        --output DATA --judge severity -- \
        --direct_running_mode=multi_processing --direct_num_workers=2

Beam's options follow `--`. The same command makes the same bytes on any
runner and with any number of workers; after a kill, it goes on.
"""

import logging
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass

import simple_parsing

from pipelines.beam_options import parse_with_beam
from pipelines.program import run
from pipelines.synthesis.catalog import Catalog
from pipelines.synthesis.job import Order, synthesize
from pipelines.synthesis.recipe import Style
from tfds_bapps.source.errors import PreparationError


@dataclass(frozen=True)
class Settings:
    """What is made, and of what."""

    triplets: int
    """How many triplets are made, or pairs for JND."""
    output: str
    """Folder of the dataset."""
    photos: str = ""
    """Folder of photographs, searched with all below it, or a pattern."""
    videos: str = ""
    """The same of videos; each counts as a photograph, all of whose triplets
    are interpolated frames."""
    families: list[str] = simple_parsing.list_field("traditional")
    """Among traditional, cnn, algorithms."""
    seed: int = 0
    """Of all that is random."""
    task: str = simple_parsing.choice("2afc", "jnd", default="2afc")
    """2afc: which is closer? jnd: barely visible strengths: the same?"""
    judge: str = "none"
    """none, severity, or a metric: l2, ssim, alex, vgg, squeeze,
    lpips/NET@VERSION, off-the-shelf/NET. Never human."""
    bank: str = ""
    """Folder of trained networks, for cnn and algorithms."""
    algorithm: list[str] = simple_parsing.list_field()
    """Functions of one's own, package.module:function."""
    same_type_share: float = 0.2
    """Of the triplets, those of one type at two strengths; severity: all."""
    sequence_share: float = 0.5
    """Of the traditional types, those that are ordered pairs."""
    val_share: float = 0.2
    """Of the photographs, those for validation."""
    size: int = 64
    """Height and width of the patches in pixels."""


def main(argv: Sequence[str] | None = None) -> int:
    """Parses the command line and synthesizes; returns the exit status."""
    settings, options = parse_with_beam("synthesize", __doc__, Settings, argv)

    def work():
        start = time.monotonic()
        manifest = synthesize(order_of(settings), settings.output, options)
        _report(settings, manifest, time.monotonic() - start)

    return run("synthesize", work, "the same command goes on", PreparationError)


def order_of(settings: Settings) -> Order:
    """What the settings ask for."""
    severity = settings.judge == "severity"
    return Order(
        photos=settings.photos,
        videos=settings.videos,
        triplets=settings.triplets,
        catalog=Catalog(
            families=tuple(settings.families),
            bank=settings.bank,
            own_algorithms=tuple(settings.algorithm),
            sequence_share=settings.sequence_share,
        ),
        style=Style(
            task=settings.task,
            same_type_share=1.0 if severity else settings.same_type_share,
            size=settings.size,
            seed=settings.seed,
        ),
        judge=settings.judge,
        val_share=settings.val_share,
    )


def _report(settings, manifest, seconds):
    for name, reason in manifest["refused_photographs"].items():
        print(f"refused: {name} {reason}")
    for split, entry in manifest["splits"].items():
        print(f"{entry['examples']:8} triplets in {split}")
    print(
        f"{settings.output}: {settings.triplets} triplets of "
        f"{len(manifest['photographs'])} photographs "
        f"({len(manifest['refused_photographs'])} refused) "
        f"in {seconds:.1f} s, {settings.triplets / seconds:.0f} per second"
    )


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING)
    logging.getLogger("pipelines").setLevel(logging.INFO)
    sys.exit(main())
