"""Draws a contact sheet: every type of distortion at five strengths.

    python -m pipelines.distortions --sheet out.png
    python -m pipelines.distortions --sheet out.png --photos a.png b.png

Rows are types, columns are strengths, the photographs stand side by side.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import simple_parsing
from PIL import Image
from simple_parsing.wrappers.field_wrapper import DashVariant

from pipelines.distortions.families import FAMILIES, kinds_of
from pipelines.distortions.sheet import contact_sheet, packaged_patches
from pipelines.photographs.reading import BadPhotograph, read_photograph


@dataclass(frozen=True)
class Settings:
    """What is drawn, and of what."""

    sheet: str
    """The file to be written; its suffix says in which format."""
    photos: list[str] = simple_parsing.list_field()
    """Photographs, their centres are used; by default two of scikit-image."""
    families: list[str] = simple_parsing.list_field("traditional", "algorithms")
    """Among "traditional" and "algorithms"."""
    size: int = 128
    """Height and width of the patches in pixels."""
    scale: float = 1.0
    """The sheet is resized by this."""
    seed: int = 0
    """Seed of all that is random."""


def main(argv: Sequence[str] | None = None) -> int:
    """Parses the command line and draws; returns the exit status."""
    parser = simple_parsing.ArgumentParser(
        prog="distortions",
        description=__doc__,
        add_option_string_dash_variants=DashVariant.DASH,
    )
    parser.add_arguments(Settings, "settings")
    settings = parser.parse_args(argv).settings
    unknown = sorted(set(settings.families) - set(FAMILIES))
    if unknown:
        parser.error(
            f"--families must be among {', '.join(FAMILIES)}. "
            f"Received: {', '.join(unknown)}"
        )
    try:
        draw(settings)
    except (BadPhotograph, OSError) as error:
        print(f"distortions: {error}", file=sys.stderr)
        return 1
    return 0


def draw(settings: Settings) -> None:
    """Writes the contact sheet."""
    if settings.photos:
        patches = [_centre(path, settings.size) for path in settings.photos]
    else:
        patches = packaged_patches(settings.size)
    kinds = kinds_of(settings.families, sequences=False)
    sheet = contact_sheet(kinds, patches, settings.seed)
    if settings.scale != 1:
        size = [round(side * settings.scale) for side in sheet.size]
        sheet = sheet.resize(size, Image.Resampling.LANCZOS)
    sheet.save(settings.sheet)


def _centre(path, size):
    try:
        image = read_photograph(Path(path).read_bytes(), min_side=size)
    except BadPhotograph as error:
        raise BadPhotograph(f"{path}: {error}") from None
    top, left = ((side - size) // 2 for side in image.shape[:2])
    return image[top : top + size, left : left + size]


if __name__ == "__main__":
    sys.exit(main())
