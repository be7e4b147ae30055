"""Judged triplets cut from a photograph: the stronger noise is further."""

import numpy as np
import skimage.data
from PIL import Image

SIDE = 64
# Standard deviations of the noise of the closer and the further image.
WEAK, STRONG = 6, 30


def triplet(rng):
    """Three uint8 RGB images and the judge: 1 if the second is closer."""
    photograph = skimage.data.astronaut()
    y, x = rng.integers(0, np.array(photograph.shape[:2]) - SIDE)
    reference = photograph[y : y + SIDE, x : x + SIDE]
    order = rng.permutation([WEAK, STRONG])
    distorted = [
        np.clip(reference + rng.normal(0, d, reference.shape), 0, 255)
        for d in order
    ]
    judge = float(order[1] == WEAK)
    return reference, *(x.astype(np.uint8) for x in distorted), judge


def write_tree(folder, counts, seed=0):
    """Writes a tree of BAPPS's layout; `counts` is by "part/subset"."""
    rng = np.random.default_rng(seed)
    for place, count in counts.items():
        for role in ("ref", "p0", "p1", "judge"):
            (folder / "2afc" / place / role).mkdir(parents=True)
        for i in range(count):
            *images, judge = triplet(rng)
            roles = zip(("ref", "p0", "p1"), images, strict=True)
            for role, pixels in roles:
                path = folder / "2afc" / place / role / f"{i:06}.png"
                Image.fromarray(pixels).save(path)
            path = folder / "2afc" / place / "judge" / f"{i:06}.npy"
            np.save(path, np.array([judge], np.float32))
    return folder


def write_jnd_tree(folder, counts, seed=0):
    """Writes pairs for JND; the stronger the noise, the fewer say "same"."""
    rng = np.random.default_rng(seed)
    for place, count in counts.items():
        for role in ("p0", "p1", "same"):
            (folder / "jnd" / place / role).mkdir(parents=True)
        for i in range(count):
            reference, *_ = triplet(rng)
            deviation = rng.uniform(0, STRONG)
            noise = rng.normal(0, deviation, reference.shape)
            distorted = np.clip(reference + noise, 0, 255).astype(np.uint8)
            for role, pixels in (("p0", reference), ("p1", distorted)):
                path = folder / "jnd" / place / role / f"{i:06}.png"
                Image.fromarray(pixels).save(path)
            same = round(3 * (1 - deviation / STRONG)) / 3
            path = folder / "jnd" / place / "same" / f"{i:06}.npy"
            np.save(path, np.array([same], np.float32))
    return folder
