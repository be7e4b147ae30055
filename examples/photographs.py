"""Real photographs, which come with scikit-image, and two copies of some.

    python -m examples.photographs --output demo/photographs

Writes each photograph as a PNG.
"""

import argparse
from pathlib import Path

import numpy as np
from PIL import Image
from skimage import data
from skimage.filters import gaussian
from skimage.transform import warp

# Those in colour.
PACKAGED = (
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
# Of those that are distorted, the centres of the crops, in pixels.
CENTRES = {
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
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, required=True)
    output = parser.parse_args(argv).output
    output.mkdir(parents=True, exist_ok=True)
    for name in PACKAGED:
        Image.fromarray(packaged(name)).save(output / f"{name}.png")
    print(f"{len(PACKAGED)} photographs that come with scikit-image")


def packaged(name) -> np.ndarray:
    """Returns a photograph, uint8 RGB."""
    found = getattr(data, name)()
    # A stereo pair would be the same photograph twice.
    return found[0] if isinstance(found, tuple) else found


def distorted() -> dict[str, dict[str, np.ndarray]]:
    """Returns some photographs, each as "reference", "blurred" and "bent".

    Uint8 RGB, 256 x 256. To people the bent ones look closer; to L2, PSNR and
    SSIM the blurred ones do (Zhang et al. 2018, figure 1).
    """
    return {
        name: distort(crop(packaged(name), centre))
        for name, centre in CENTRES.items()
    }


def crop(pixels, centre) -> np.ndarray:
    """Returns the 256 x 256 pixels about a centre, in rows and columns."""
    top, left = (c - SIDE // 2 for c in centre)
    return np.ascontiguousarray(pixels[top : top + SIDE, left : left + SIDE])


def distort(pixels) -> dict[str, np.ndarray]:
    """Returns the photograph, blurred and bent, uint8 RGB, by name."""
    blurred = gaussian(pixels, BLUR_DEVIATION, channel_axis=-1)
    bent = warp(pixels, bend, mode="reflect", order=3)
    as_bytes = [
        np.rint(np.clip(x, 0, 1) * 255).astype(np.uint8)
        for x in (blurred, bent)
    ]
    return {
        "reference": pixels,
        **dict(zip(KINDS, as_bytes, strict=True)),
    }


def bend(points):
    """Moves points (column, row) along a wave, by 3 pixels at most."""
    column, row = points.T
    wave = 2 * np.pi / BEND_PERIOD
    column = column + BEND_AMPLITUDE * np.sin(wave * row)
    row = row + BEND_AMPLITUDE * np.sin(wave * column)
    return np.stack([column, row], axis=-1)


if __name__ == "__main__":
    main()
