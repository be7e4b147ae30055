"""Calibrates LPIPS on judgements of your own.

    python -m examples.calibrate FOLDER --epochs 10

Writes synthetic judgements that prefer blur to noise, prepares them, trains
AlexNet's heads and evaluates them. Further flags go to `training.train`.
"""

import subprocess
import sys
from pathlib import Path

import numpy as np
from PIL import Image
from skimage import data
from skimage.filters import gaussian

SIDE = 64


def judged_triplets(photograph, count=200):
    """Yields (reference, p0, p1, share of judges who found p1 closer)."""
    rng = np.random.default_rng(0)
    for i in range(count):
        y, x = (rng.integers(0, n - SIDE) for n in photograph.shape[:2])
        patch = photograph[y : y + SIDE, x : x + SIDE] / 255
        blurred = gaussian(patch, rng.uniform(0.5, 2), channel_axis=-1)
        noisy = patch + rng.normal(0, rng.uniform(0.02, 0.1), patch.shape)
        yield patch, *[(blurred, noisy, 0), (noisy, blurred, 1)][i % 2]


def write_layout(folder, triplets) -> None:
    """Writes triplets in the layout that `pipelines.prepare_bapps` reads."""
    for name in ("ref", "p0", "p1", "judge"):
        (folder / name).mkdir(parents=True)
    for i, (*images, judge) in enumerate(triplets):
        for name, image in zip(("ref", "p0", "p1"), images, strict=True):
            pixels = np.rint(255 * np.clip(image, 0, 1)).astype(np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{i:06}.png")
        np.save(folder / "judge" / f"{i:06}.npy", np.float32([judge]))


def main(argv=None) -> None:
    """Writes, prepares, trains and evaluates."""
    folder, *options = sys.argv[1:] if argv is None else argv
    source, run, report = (f"{folder}/{x}" for x in ("source", "run", "report"))
    for part, image in {"train": data.coffee(), "val": data.cat()}.items():
        write_layout(Path(source, "2afc", part, "mine"), judged_triplets(image))
    for command in (
        f"pipelines.prepare_bapps --source {source} --votes 1",
        f"training.train --recipe alex/lin-fast --output {run}",
        f"training.evaluate --output {report} --metrics l2 lpips/alex {run}",
    ):
        words = [*command.split(), "--data-dir", f"{folder}/data"]
        extra = options if "--recipe" in words else []
        subprocess.run([sys.executable, "-m", *words, *extra], check=True)


if __name__ == "__main__":
    main()
