"""Makes the pictures of the documentation.

    python -m docs.pictures

Writes a crop of a photograph of scikit-image, a blurred and a bent copy of it
as JPEG files, one picture of the three with the values of four metrics, and
the curves of `keras-lpips explain`.
"""

from pathlib import Path

import matplotlib

matplotlib.use("agg")

import numpy as np
from matplotlib import pyplot as plt
from PIL import Image

from examples.demo.photographs import distorted_photographs
from keras_lpips import distance
from keras_lpips.baselines import l2, psnr, ssim
from keras_lpips.inference.equivalents import (
    ANSWERS,
    CALLED_SAME,
    read_tables,
)

FOLDER = Path(__file__).parent / "images"
PHOTOGRAPH = "astronaut"
BETTER, WORSE = "#1a7f37", "#59626d"


LABELS = {
    "jpeg": "JPEG, quality",
    "blur": "Gaussian blur, sigma in pixels",
    "noise": "Gaussian noise, sigma of 255",
    "shift": "shift, pixels",
}
# Version 0.0 is close to 0.1 and left out.
CURVES = (
    *("lpips/alex@0.1", "lpips/vgg@0.1", "lpips/squeeze@0.1"),
    *("lpips/alex@st", "lpips/vgg@st", "dists"),
)


def main() -> None:
    """Writes the pictures."""
    FOLDER.mkdir(exist_ok=True)
    draw_photographs()
    draw_equivalents()


def draw_equivalents() -> None:
    """Draws the distances of distortions, and what people said of shifts."""
    tables = read_tables()
    figure, axes = plt.subplots(2, 2, figsize=(9, 7))
    for axis, (kind, label) in zip(axes.flat, LABELS.items(), strict=True):
        levels = tables["levels"][kind]
        for name in CURVES:
            curves = tables["metrics"][name]["distances"][kind]
            (line,) = axis.plot(levels, curves[1], label=name, linewidth=1.5)
            axis.fill_between(
                levels, curves[0], curves[2], color=line.get_color(), alpha=0.15
            )
        axis.set_xlabel(label)
        axis.set_ylabel("distance")
        axis.set_ylim(0)
        if kind == "jpeg":
            axis.invert_xaxis()
        else:
            axis.set_xscale("log")
            axis.xaxis.set_major_formatter("{x:g}")
    axes[0, 0].legend(fontsize=8, frameon=False)
    people = axis.twinx()
    different = [100 - 100 * same / ANSWERS for same in CALLED_SAME]
    people.plot(
        range(1, len(different)),
        different[1:],
        *("k.--",),
        linewidth=1,
        label="people",
    )
    people.set_ylabel("answers “different”, % (Ghildyal and Liu 2022)")
    people.set_ylim(0, 100)
    people.legend(fontsize=8, frameon=False, loc="lower right")
    figure.tight_layout()
    figure.savefig(FOLDER / "equivalents.png", dpi=90)
    plt.close(figure)


def draw_photographs() -> None:
    """Writes a photograph, its copies, and their picture."""
    for kind, pixels in distorted_photographs()[PHOTOGRAPH].items():
        Image.fromarray(pixels).save(FOLDER / f"{kind}.jpg", quality=95)
    images = {
        kind: np.asarray(Image.open(FOLDER / f"{kind}.jpg"))
        for kind in ("blurred", "reference", "bent")
    }
    reference = images["reference"]
    values = {
        kind: {
            "L2": f"{l2(reference, images[kind]):.4f}",
            "PSNR": f"{psnr(reference, images[kind]):.1f} dB",
            "SSIM": f"{ssim(reference, images[kind]):.3f}",
            "LPIPS": f"{distance(reference, images[kind]):.3f}",
        }
        for kind in ("blurred", "bent")
    }
    figure, axes = plt.subplots(1, 3, figsize=(9, 4.1))
    for axis, (kind, pixels) in zip(axes, images.items(), strict=True):
        axis.imshow(pixels, interpolation="bilinear")
        axis.set_axis_off()
        axis.set_title(kind, fontsize=14)
        for i, (name, value) in enumerate(values.get(kind, {}).items()):
            # LPIPS alone finds the bent copy closer.
            closer = (kind == "bent") == (name == "LPIPS")
            axis.text(
                *(0.04 + 0.5 * (i % 2), -0.1 - 0.13 * (i // 2)),
                f"{name} {value}",
                transform=axis.transAxes,
                fontsize=12,
                color=BETTER if closer else WORSE,
                weight="bold" if closer else "normal",
            )
    axes[1].text(
        *(0.5, -0.1),
        "bold: the copy that the metric\ncalls closer to the reference",
        transform=axes[1].transAxes,
        ha="center",
        va="top",
        fontsize=11,
        color=WORSE,
    )
    figure.subplots_adjust(0.01, 0.2, 0.99, 0.92, wspace=0.04)
    figure.savefig(FOLDER / "blurred_or_bent.jpg", dpi=110)
    print(values)


if __name__ == "__main__":
    main()
