"""Where LPIPS and L2 disagree: blurred against gently bent photographs.

    python -m examples.distances --output demo/distances

Prints a table of the distances of each copy from its photograph, and writes
it with the pictures and heat maps.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
from matplotlib import colormaps
from PIL import Image

from examples.photographs import KINDS, distorted
from keras_lpips import WeightsError
from keras_lpips.atomic_files import replacing, write_csv, write_json
from keras_lpips.backbones.registry import BACKBONES
from keras_lpips.baselines import l2, psnr, ssim
from keras_lpips.inference.provenance import describe
from keras_lpips.inference.scorer import scorer

# PSNR and SSIM grow as images become alike.
SIMILARITIES = ("PSNR", "SSIM")


def main(argv=None) -> None:
    """Compares, prints and writes."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, required=True)
    output = parser.parse_args(argv).output
    output.mkdir(parents=True, exist_ok=True)
    scorers, left_out = available_scorers()
    for sentence in left_out:
        print(f"Left out: {sentence}")
    if not scorers:
        sys.exit("No backbone could be fetched, so there is nothing to show.")
    images = distorted()
    header, rows = compare(images, scorers)
    print_table(header, rows)
    net, score = next(iter(scorers.items()))
    highest = draw(output, images, score)
    write_csv(output / "distances.csv", header, rows)
    write_json(
        output / "distances.json",
        {
            "nets": {net: describe(net, "0.1", True) for net in scorers},
            "left_out": left_out,
            "closer": closer(header, rows),
            "map_net": net,
            "map_highest": highest,
        },
    )


def available_scorers() -> tuple[dict, list[str]]:
    """Returns a scorer by net, and why others cannot be had."""
    found, left_out = {}, []
    for net in BACKBONES:
        try:
            found[net] = scorer(net)
        except WeightsError as error:
            left_out.append(" ".join(str(error).split()))
    return found, left_out


def compare(images, scorers) -> tuple[list, list]:
    """Returns the table of distances: its header and its rows.

    Args:
        images: see `examples.photographs.distorted`.
        scorers: `Scorer` by net.
    """
    header = ["photograph", "distortion", "L2", *SIMILARITIES]
    header += [f"LPIPS {net}" for net in scorers]
    rows = []
    for name, kinds in images.items():
        for kind in KINDS:
            pair = kinds["reference"], kinds[kind]
            batch = [image[None] for image in pair]
            numbers = [l2(*pair), psnr(*pair), ssim(*pair)]
            numbers += [s.distance(*batch)[0] for s in scorers.values()]
            rows.append([name, kind, *map(float, numbers)])
    return header, rows


def print_table(header, rows) -> None:
    """Prints a Markdown table, and who of the metrics prefers which copy."""
    print("| " + " | ".join(header) + " |")
    print("|---" * len(header) + "|")
    for name, kind, squared, decibels, similarity, *distances in rows:
        numbers = [f"{squared:.5f}", f"{decibels:.2f}", f"{similarity:.4f}"]
        numbers += [f"{d:.4f}" for d in distances]
        print("| " + " | ".join([name, kind, *numbers]) + " |")
    for name, metrics in closer(header, rows).items():
        for kind, names in metrics.items():
            if names:
                print(f"{name}: closer when {kind} to {', '.join(names)}")


def closer(header, rows) -> dict[str, dict[str, list[str]]]:
    """Returns, of each photograph, which metrics find which copy closer."""
    found = {}
    for first, second in zip(rows[::2], rows[1::2], strict=True):
        found[first[0]] = {kind: [] for kind in KINDS}
        for metric, a, b in zip(header[2:], first[2:], second[2:], strict=True):
            smaller = a > b if metric in SIMILARITIES else a < b
            kind = (first if smaller else second)[1]
            found[first[0]][kind].append(metric)
    return found


def draw(output, images, score) -> float:
    """Writes the pictures and their heat maps, and returns the brightest's.

    Args:
        output: an existing folder.
        images: see `examples.photographs.distorted`.
        score: a `Scorer`.

    Returns:
        The distance of a pixel that all the maps show brightest.
    """
    maps = {
        (name, kind): score.spatial_map(
            kinds["reference"][None], kinds[kind][None]
        )[0]
        for name, kinds in images.items()
        for kind in KINDS
    }
    highest = float(max(heat.max() for heat in maps.values()))
    for name, kinds in images.items():
        for kind, pixels in kinds.items():
            write_png(output / f"{name}_{kind}.png", pixels)
    for (name, kind), heat in maps.items():
        colors = colormaps["inferno"](heat / highest)[..., :3]
        pixels = np.rint(255 * colors).astype(np.uint8)
        write_png(output / f"{name}_{kind}_map.png", pixels)
    return highest


def write_png(path, pixels) -> None:
    """Writes uint8 RGB, whole or not at all."""
    with replacing(path) as partial:
        Image.fromarray(pixels).save(partial)


if __name__ == "__main__":
    main()
