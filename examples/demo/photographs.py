"""Photographs of scikit-image, and blurred and bent copies.

    python -m examples.demo.photographs OUTPUT

Writes each photograph to the folder OUTPUT as a PNG.
"""

import sys
from pathlib import Path

import numpy as np
from PIL import Image
from skimage import data
from skimage.filters import gaussian
from skimage.transform import warp

# The color photographs in scikit-image's wheel.
NAMES = (
    "astronaut",
    "chelsea",
    "coffee",
    "hubble_deep_field",
    "immunohistochemistry",
    "retina",
    "rocket",
    "stereo_motorcycle",
)
SIDE = 256
# Centers of the crops that are distorted: row and column, in pixels.
CENTERS = {
    "astronaut": (140, 230),
    "chelsea": (150, 200),
    "coffee": (200, 300),
}
KINDS = ("blurred", "bent")
BLUR_DEVIATION = 2.0
BEND_AMPLITUDE = 3.0
BEND_PERIOD = 96.0


def main(argv=None) -> None:
    """Writes the photographs."""
    (output,) = map(Path, sys.argv[1:] if argv is None else argv)
    output.mkdir(parents=True, exist_ok=True)
    for name in NAMES:
        Image.fromarray(photograph(name)).save(output / f"{name}.png")
    print(f"{len(NAMES)} photographs of scikit-image")


def photograph(name: str) -> np.ndarray:
    """Returns a photograph, uint8 RGB, `(height, width, 3)`."""
    pixels = getattr(data, name)()
    # Only one image of a stereo pair.
    return pixels[0] if isinstance(pixels, tuple) else pixels


def distorted_photographs() -> dict[str, dict[str, np.ndarray]]:
    """Returns crops by name, each as "reference", "blurred" and "bent".

    All are uint8 RGB, 256 x 256. To people the bent copies look closer to the
    reference; to L2, PSNR and SSIM the blurred ones do (Zhang et al. 2018,
    figure 1).
    """
    return {
        name: distort(crop(photograph(name), center))
        for name, center in CENTERS.items()
    }


def crop(pixels: np.ndarray, center: tuple[int, int]) -> np.ndarray:
    """Returns the 256 x 256 pixels around `center`."""
    top, left = (c - SIDE // 2 for c in center)
    return np.ascontiguousarray(pixels[top : top + SIDE, left : left + SIDE])


def distort(pixels: np.ndarray) -> dict[str, np.ndarray]:
    """Returns the image, a blurred and a bent copy, uint8 RGB, by name."""
    copies = {
        "blurred": gaussian(pixels, BLUR_DEVIATION, channel_axis=-1),
        "bent": warp(pixels, _bend, mode="reflect", order=3),
    }
    as_bytes = {
        kind: np.rint(np.clip(copies[kind], 0, 1) * 255).astype(np.uint8)
        for kind in KINDS
    }
    return {"reference": pixels, **as_bytes}


def _bend(points):
    """Moves points (column, row) along a wave."""
    column, row = points.T
    wave = 2 * np.pi / BEND_PERIOD
    column = column + BEND_AMPLITUDE * np.sin(wave * row)
    row = row + BEND_AMPLITUDE * np.sin(wave * column)
    return np.stack([column, row], axis=-1)


if __name__ == "__main__":
    main()
