"""Draws a contact sheet: every type of distortion at five strengths.

    python -m pipelines.contact_sheet --sheet out.png
    python -m pipelines.contact_sheet --sheet out.png --photos a.png b.png
    python -m pipelines.contact_sheet --sheet out.png --bank BANK

Rows are types and columns are strengths, for each photograph.
`make contact-sheet` draws the one in the documentation.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from keras_lpips_cli.errors import UserError
from keras_lpips_cli.options import PositiveFloat, PositiveInt
from keras_lpips_cli.program import parse, run
from pipelines.synthesis.config import Family

if TYPE_CHECKING:
    import numpy as np
    from PIL import Image

    from pipelines.distortions.distortion import Distortion

NAME = "pipelines.contact_sheet"
STRENGTHS = (0.1, 0.3, 0.5, 0.75, 1.0)
LABEL_WIDTH = 190
HEADER_HEIGHT = 24
GAP = 2
# Centers of the default patches, row and column.
PHOTOGRAPHS = {"astronaut": (130, 225), "coffee": (200, 300)}


@dataclass(frozen=True)
class SheetConfig:
    """Flags of the program."""

    sheet: str
    """The image file to write; its suffix chooses the format."""
    photos: tuple[str, ...] = ()
    """Photographs, cropped at the center. Defaults to two of scikit-image's."""
    families: tuple[Family, ...] = ()
    """Families of distortions. Defaults to all, cnn only with a bank."""
    bank: str = ""
    """Folder of trained networks, for cnn and algorithms."""
    size: PositiveInt = 128
    """Height and width of the patches in pixels."""
    scale: PositiveFloat = 1.0
    """Factor by which the sheet is resized."""
    seed: int = 0
    """Seed of everything random."""

    def __post_init__(self):
        """Validates combinations of flags."""
        if "cnn" in self.families and not self.bank:
            raise ValueError("--families cnn needs --bank.")


def main(argv: Sequence[str] | None = None) -> int:
    """Parses the command line and draws; returns the exit status."""
    config = parse(SheetConfig, __doc__, argv, prog=NAME)
    return run(NAME, lambda: draw(config), "nothing was written")


def draw(config: SheetConfig) -> None:
    """Writes the contact sheet.

    Raises:
        UserError: the file, the bank or a photograph cannot be used.
    """
    from PIL import Image

    from keras_lpips.atomic_files import atomic_path
    from pipelines.synthesis.catalog import Catalog

    suffix = Path(config.sheet).suffix.lower()
    if suffix not in Image.registered_extensions():
        raise UserError(
            f"--sheet must end in an image suffix, as .png. Received: {suffix}"
        )
    families = config.families or tuple(
        family for family in get_args(Family) if config.bank or family != "cnn"
    )
    catalog = Catalog(families, config.bank)
    if config.photos:
        patches = [_crop_center(path, config.size) for path in config.photos]
    else:
        patches = crop_packaged_photographs(config.size)
    sheet = contact_sheet(catalog.types, patches, config.seed)
    if config.scale != 1:
        size = [round(side * config.scale) for side in sheet.size]
        sheet = sheet.resize(size, Image.Resampling.LANCZOS)
    with atomic_path(config.sheet) as path:
        sheet.save(path)


def _crop_center(path, size):
    from pipelines.image_io.photographs import (
        InvalidPhotographError,
        read_file,
        read_photograph,
    )

    try:
        image = read_photograph(read_file(path), min_side=size)
    except InvalidPhotographError as error:
        raise UserError(f"{path} {error}.") from None
    top, left = ((side - size) // 2 for side in image.shape[:2])
    return image[top : top + size, left : left + size]


def crop_packaged_photographs(size: int) -> "list[np.ndarray]":
    """Returns patches of scikit-image's photographs, uint8 RGB."""
    from skimage import data

    patches = []
    for name, (row, column) in PHOTOGRAPHS.items():
        image = getattr(data, name)()
        top = min(max(row - size // 2, 0), image.shape[0] - size)
        left = min(max(column - size // 2, 0), image.shape[1] - size)
        patches.append(image[top : top + size, left : left + size])
    return patches


def contact_sheet(
    kinds: "Sequence[Distortion]",
    patches: "Sequence[np.ndarray]",
    seed: int = 0,
) -> "Image.Image":
    """Draws every type at five strengths on every patch.

    Args:
        kinds: the types, one row each.
        patches: uint8 RGB, all of one size.
        seed: the seed of every image.

    Returns:
        A PIL image.
    """
    import numpy as np
    from PIL import Image, ImageDraw, ImageFont

    height, width = patches[0].shape[:2]
    columns = len(patches) * len(STRENGTHS)
    size = (
        LABEL_WIDTH + columns * (width + GAP),
        HEADER_HEIGHT + len(kinds) * (height + GAP),
    )
    sheet = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(15)
    for row, kind in enumerate(kinds):
        y = HEADER_HEIGHT + row * (height + GAP)
        label = f"{kind.name.replace('_', ' ')}\n({kind.group})"
        draw.multiline_text((4, y + 4), label, "black", font)
        for column in range(columns):
            patch = patches[column // len(STRENGTHS)]
            strength = STRENGTHS[column % len(STRENGTHS)]
            x = LABEL_WIDTH + column * (width + GAP)
            result = kind(patch, strength, np.random.default_rng(seed))
            sheet.paste(Image.fromarray(result), (x, y))
            if row == 0:
                draw.text((x + 4, 4), f"{strength:g}", "black", font)
    return sheet


if __name__ == "__main__":
    sys.exit(main())
