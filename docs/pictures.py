"""Makes the pictures of the documentation from a photograph of scikit-image.

    python -m docs.pictures

Writes a crop of a photograph, a blurred and a bent copy of it as JPEG files,
and one picture of the three with the values of four metrics.
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

FOLDER = Path(__file__).parent / "images"
PHOTOGRAPH = "astronaut"
BETTER, WORSE = "#1a7f37", "#59626d"


def main() -> None:
    """Writes the pictures."""
    FOLDER.mkdir(exist_ok=True)
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
