"""Writes archives with BAPPS's layout and counts, and tiny noise patches.

    python -m benchmarks.inputs.synthetic_bapps FOLDER [--fraction 0.01]

Writes `twoafc_train.tar` and `twoafc_val.tar` as the authors lay them out:
one subset after another, one role after another, names ascending. Without
`--fraction` that is 151,300 + 36,344 triplets in 750,576 members. 8 x 8
pixels keep the two archives below a gigabyte: a tar rounds every member up to
512 bytes.
"""

import argparse
import io
import tarfile
from pathlib import Path

import numpy as np
from PIL import Image

from tfds_bapps.source import layout, published

SIDE = 8
# Number of different patches; a triplet has three of them.
DISTINCT_PATCHES = 997


def write_archives(
    folder: Path, fraction: float = 1.0, seed: int = 0
) -> list[Path]:
    """Writes the two 2AFC archives.

    Args:
        folder: an existing folder.
        fraction: share of the published counts.
        seed: seed of the patches.

    Returns:
        The archives.
    """
    rng = np.random.default_rng(seed)
    patches = [_png(rng) for _ in range(DISTINCT_PATCHES)]
    archives = []
    for part in ("train", "val"):
        path = folder / f"twoafc_{part}.tar"
        with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as tar:
            for split, count in published.COUNTS["2afc"].items():
                if split.startswith(part):
                    count = max(1, round(count * fraction))
                    _write_subset(tar, split, count, patches)
        archives.append(path)
    return archives


def _write_subset(tar, split, count, patches):
    part, _, subset = split.partition("_")
    votes = layout.TWOAFC.votes[part]
    answers = [_npy(share / votes) for share in range(votes + 1)]
    for place, role in enumerate(layout.TWOAFC.roles):
        suffix = layout.file_suffix(role)
        files = answers if role == layout.TWOAFC.answer else patches
        for i in range(count):
            info = tarfile.TarInfo(f"{part}/{subset}/{role}/{i:06}{suffix}")
            data = files[(i * (place + 1) + place) % len(files)]
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))


def _png(rng):
    file = io.BytesIO()
    pixels = rng.integers(0, 256, (SIDE, SIDE, 3), np.uint8)
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def _npy(value):
    file = io.BytesIO()
    np.save(file, np.array([value], np.float32))
    return file.getvalue()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--fraction", type=float, default=1.0)
    arguments = parser.parse_args()
    for archive in write_archives(arguments.folder, arguments.fraction):
        print(archive, archive.stat().st_size)
