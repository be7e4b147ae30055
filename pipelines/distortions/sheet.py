"""The contact sheet: types in rows, strengths in columns."""

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from skimage import data

from pipelines.distortions.distortion import Distortion

STRENGTHS = (0.1, 0.3, 0.5, 0.75, 1.0)
LABEL_WIDTH = 190
HEADER_HEIGHT = 24
GAP = 2
# Centres of the default patches, row and column.
PHOTOGRAPHS = {"astronaut": (130, 225), "coffee": (200, 300)}


def packaged_patches(size: int) -> list[np.ndarray]:
    """Patches of photographs that come with scikit-image, uint8 RGB."""
    patches = []
    for name, (row, column) in PHOTOGRAPHS.items():
        image = getattr(data, name)()
        top = min(max(row - size // 2, 0), image.shape[0] - size)
        left = min(max(column - size // 2, 0), image.shape[1] - size)
        patches.append(image[top : top + size, left : left + size])
    return patches


def contact_sheet(
    kinds: Sequence[Distortion],
    patches: Sequence[np.ndarray],
    seed: int = 0,
) -> Image.Image:
    """Draws every type at five strengths on every patch.

    Args:
        kinds: the types, one row each.
        patches: uint8 RGB, all of one size.
        seed: along a row all that is random is the same.

    Returns:
        A PIL image.
    """
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
