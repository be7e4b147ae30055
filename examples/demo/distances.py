"""Compares blurred and bent photographs by LPIPS and by older metrics.

    python -m examples.demo.distances OUTPUT

Prints a table, and writes it to the folder OUTPUT with the images and their
heat maps.
"""

import json
import sys
from pathlib import Path

import numpy as np
from matplotlib import colormaps
from PIL import Image

from examples.demo import DIGITS
from examples.demo.photographs import KINDS, distorted_photographs
from keras_lpips import LPIPS, WeightsError
from keras_lpips.baselines import l2, psnr, ssim

NETS = ("alex", "vgg", "squeeze")
BASELINES = {"L2": l2, "PSNR": psnr, "SSIM": ssim}
# PSNR and SSIM grow as images become alike.
SIMILARITIES = ("PSNR", "SSIM")


def main(argv=None) -> None:
    """Compares, prints and writes."""
    (output,) = map(Path, sys.argv[1:] if argv is None else argv)
    output.mkdir(parents=True, exist_ok=True)
    layers, skipped = available_layers()
    for sentence in skipped:
        print(f"Skipped: {sentence}")
    if not layers:
        sys.exit("No backbone could be downloaded.")
    photographs = distorted_photographs()
    rows = [
        {
            "photograph": name,
            "distortion": kind,
            "values": compare(images["reference"], images[kind], layers),
        }
        for name, images in photographs.items()
        for kind in KINDS
    ]
    for first, second in zip(rows[::2], rows[1::2], strict=True):
        first["closer"] = closer(first["values"], second["values"])
        second["closer"] = closer(second["values"], first["values"])
    print_table(rows)
    net, layer = next(iter(layers.items()))
    found = {
        "rows": rows,
        "skipped": skipped,
        "map_net": net,
        "map_highest": write_images(output, photographs, layer),
    }
    (output / "distances.json").write_text(json.dumps(found, indent=2) + "\n")


def available_layers() -> tuple[dict[str, LPIPS], list[str]]:
    """Returns a layer for each net, and why others are missing."""
    layers, skipped = {}, []
    for net in NETS:
        try:
            layers[net] = LPIPS(net, value_range=(0, 255))
        except WeightsError as error:
            skipped.append(" ".join(str(error).split()))
    return layers, skipped


def compare(reference, distorted, layers) -> dict[str, float]:
    """Returns every metric's value for a pair of uint8 RGB images."""
    values = {
        name: float(metric(reference, distorted))
        for name, metric in BASELINES.items()
    }
    for net, layer in layers.items():
        (value,) = layer(reference[None], distorted[None])
        values[f"LPIPS {net}"] = float(value)
    return values


def closer(values, others) -> list[str]:
    """Returns the metrics that find `values` closer than `others`."""
    return [
        name
        for name, value in values.items()
        if (value > others[name]) == (name in SIMILARITIES)
    ]


def print_table(rows) -> None:
    """Prints a Markdown table, and which metrics find which copy closer."""
    header = ["photograph", "distortion", *rows[0]["values"]]
    print(f"| {' | '.join(header)} |")
    print("|---" * len(header) + "|")
    for row in rows:
        values = [
            f"{value:.{DIGITS.get(name, 4)}f}"
            for name, value in row["values"].items()
        ]
        cells = [row["photograph"], row["distortion"], *values]
        print(f"| {' | '.join(cells)} |")
    for row in rows:
        if row["closer"]:
            print(
                f"{row['photograph']}: {row['distortion']} is closer by "
                f"{', '.join(row['closer'])}"
            )


def write_images(output, photographs, layer) -> float:
    """Writes images and heat maps; returns the value of the brightest color."""
    maps = {
        (name, kind): np.asarray(
            layer.spatial_map(images["reference"][None], images[kind][None])
        )[0]
        for name, images in photographs.items()
        for kind in KINDS
    }
    highest = float(max(heat.max() for heat in maps.values()))
    for name, images in photographs.items():
        for kind, pixels in images.items():
            Image.fromarray(pixels).save(output / f"{name}_{kind}.png")
    for (name, kind), heat in maps.items():
        colors = colormaps["inferno"](heat / highest)[..., :3]
        pixels = np.rint(255 * colors).astype(np.uint8)
        Image.fromarray(pixels).save(output / f"{name}_{kind}_map.png")
    return highest


if __name__ == "__main__":
    main()
