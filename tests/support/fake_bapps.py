"""Triplets made in code, as trees and as archives of BAPPS's layout."""

import io
import tarfile

import numpy as np
from PIL import Image

from tfds_bapps.source import layout


def png(seed=0, size=(8, 8), mode="RGB"):
    """A PNG of noise; `size` is (width, height)."""
    channels = len(Image.new(mode, (1, 1)).getbands())
    pixels = np.random.default_rng(seed).integers(
        0, 256, (size[1], size[0], channels), np.uint8
    )
    file = io.BytesIO()
    Image.fromarray(pixels.squeeze()).save(file, "PNG")
    return file.getvalue()


def npy(value):
    """The `.npy` file of anything that NumPy makes an array of."""
    file = io.BytesIO()
    np.save(file, value, allow_pickle=True)
    return file.getvalue()


def share(value):
    """A judgement's file."""
    return npy(np.array([value], np.float32))


def files(counts, task="2afc", size=(8, 8)):
    """Files of whole triplets, bytes by path.

    `counts` maps "part/subset" to a number of triplets.
    """
    task = layout.TASKS[task]
    made = {}
    for place, count in counts.items():
        part, subset = place.split("/")
        votes = task.votes.get(part, 5)
        for i in range(count):
            name = f"{task.folder}/{place}/{{}}/{i:06}"
            for k, role in enumerate(task.patches):
                seed = [i, k, *subset.encode()]
                made[name.format(role) + ".png"] = png(seed, size)
            answer = share(i % (votes + 1) / votes)
            made[name.format(task.answer) + ".npy"] = answer
    return made


def write_tree(folder, made):
    """Writes files below a folder, which it returns."""
    for name, data in made.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return folder


def write_tar(path, made, extra=(), mode="w"):
    """Writes files, then `extra` members, into an archive."""
    with tarfile.open(path, mode) as tar:
        for name, data in made.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
        for info in extra:
            tar.addfile(info)
    return path
