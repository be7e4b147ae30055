"""Draws a contact sheet: every type of distortion at five strengths.

    python -m pipelines.distortions --sheet out.png
    python -m pipelines.distortions --sheet out.png --photos a.png b.png
    python -m pipelines.distortions --sheet out.png --bank BANK

Rows are types, columns are strengths, the photographs stand side by side.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import simple_parsing
from PIL import Image

from keras_lpips.atomic_files import replacing
from pipelines.distortions.sheet import contact_sheet, packaged_patches
from pipelines.image_io.photographs import BadPhotograph, read_photograph
from pipelines.program import parse, run
from pipelines.synthesis.catalog import FAMILIES, Catalog, checked
from tfds_bapps.source.errors import PreparationError


@dataclass(frozen=True)
class Settings:
    """What is drawn, and of what."""

    sheet: str
    """The file to be written; its suffix says in which format."""
    photos: list[str] = simple_parsing.list_field()
    """Photographs, their centres are used; by default two of scikit-image."""
    families: list[str] = simple_parsing.list_field()
    """Among traditional, cnn, algorithms; by default all, cnn with a bank."""
    bank: str = ""
    """Folder of trained networks, for cnn and algorithms."""
    size: int = 128
    """Height and width of the patches in pixels."""
    scale: float = 1.0
    """The sheet is resized by this."""
    seed: int = 0
    """Seed of all that is random."""


def main(argv: Sequence[str] | None = None) -> int:
    """Parses the command line and draws; returns the exit status."""
    settings = parse("distortions", __doc__, Settings, argv)
    return run(
        "distortions",
        lambda: draw(settings),
        "nothing is written",
        PreparationError,
    )


def draw(settings: Settings) -> None:
    """Writes the contact sheet.

    Raises:
        PreparationError: a setting or a photograph cannot be used.
    """
    suffix = Path(settings.sheet).suffix.lower()
    if suffix not in Image.registered_extensions():
        raise PreparationError(
            f"--sheet must end as an image does, in .png. Received: {suffix}"
        )
    families = settings.families or [
        family for family in FAMILIES if settings.bank or family != "cnn"
    ]
    catalog = checked(Catalog(tuple(families), settings.bank))
    if settings.photos:
        patches = [_centre(path, settings.size) for path in settings.photos]
    else:
        patches = packaged_patches(settings.size)
    sheet = contact_sheet(catalog.kinds(), patches, settings.seed)
    if settings.scale != 1:
        size = [round(side * settings.scale) for side in sheet.size]
        sheet = sheet.resize(size, Image.Resampling.LANCZOS)
    with replacing(settings.sheet) as path:
        sheet.save(path)


def _centre(path, size):
    try:
        image = read_photograph(Path(path).read_bytes(), min_side=size)
    except BadPhotograph as error:
        raise PreparationError(f"{path} {error}.") from None
    top, left = ((side - size) // 2 for side in image.shape[:2])
    return image[top : top + size, left : left + size]


if __name__ == "__main__":
    sys.exit(main())
