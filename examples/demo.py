"""Where LPIPS and L2 disagree: blurred against gently bent photographs.

    python -m examples.demo --output demo

For real photographs, which come with scikit-image, one copy is blurred and
one is bent by a few pixels. To people the bent one looks closer; to L2, PSNR
and SSIM the blurred one does (Zhang et al. 2018, figure 1). Prints the table
and writes it, with the heat maps, into the output folder.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from skimage import data
from skimage.filters import gaussian
from skimage.transform import warp

from keras_lpips import WeightsError
from keras_lpips.low_level import l2, psnr, ssim
from keras_lpips.output import replacing, write_csv, write_json
from keras_lpips.provenance import describe
from keras_lpips.scorer import scorer

NETS = ("alex", "vgg", "squeeze")
SIDE = 256
# Centres of the crops, in pixels.
PHOTOGRAPHS = {
    "astronaut": (140, 230),
    "chelsea": (150, 200),
    "coffee": (200, 300),
}
BLUR_DEVIATION = 2.0
BEND_AMPLITUDE = 3.0
BEND_PERIOD = 96.0


def main(argv=None) -> None:
    """Runs the demo."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, default=Path("demo"))
    output = parser.parse_args(argv).output
    output.mkdir(parents=True, exist_ok=True)
    scorers = available_scorers()
    images = {
        (name, kind): pixels
        for name, centre in PHOTOGRAPHS.items()
        for kind, pixels in distort(photograph(name, centre)).items()
    }
    header = ("photograph", "distortion", "L2", "PSNR", "SSIM")
    header += tuple(f"LPIPS {net}" for net in scorers)
    rows = []
    for (name, kind), pixels in images.items():
        if kind == "reference":
            continue
        pair = images[name, "reference"], pixels
        numbers = [l2(*pair), psnr(*pair), ssim(*pair)]
        batch = [image[None] for image in pair]
        numbers += [float(s.distance(*batch)[0]) for s in scorers.values()]
        rows.append((name, kind, *numbers))
    print_table(header, rows)
    write_csv(output / "distances.csv", header, rows)
    write_json(
        output / "distances.json",
        {net: describe(net, "0.1", True) for net in scorers},
    )
    net, score = next(iter(scorers.items()))
    draw(output / "heat_maps.png", images, net, score)
    print(f"Written: {output}/heat_maps.png, distances.csv, distances.json")


def available_scorers() -> dict:
    """Returns a scorer by net, without the nets that cannot be fetched."""
    found = {}
    for net in NETS:
        try:
            found[net] = scorer(net)
        except WeightsError as error:
            print(f"Left out: {error}", file=sys.stderr)
    if not found:
        sys.exit("No trunk could be fetched, so there is nothing to show.")
    return found


def photograph(name, centre) -> np.ndarray:
    """Returns a crop of a packaged photograph, uint8 RGB, 256 x 256."""
    pixels = getattr(data, name)()
    top, left = (c - SIDE // 2 for c in centre)
    return np.ascontiguousarray(pixels[top : top + SIDE, left : left + SIDE])


def distort(pixels) -> dict:
    """Returns the photograph, blurred and bent, uint8 RGB, by name."""
    blurred = gaussian(pixels, BLUR_DEVIATION, channel_axis=-1)
    bent = warp(pixels, bend, mode="reflect", order=3)
    as_bytes = [
        np.rint(np.clip(x, 0, 1) * 255).astype(np.uint8)
        for x in (blurred, bent)
    ]
    return dict(
        zip(("reference", "blurred", "bent"), [pixels, *as_bytes], strict=True)
    )


def bend(points):
    """Moves points (column, row) along a wave, by 3 pixels at most."""
    column, row = points.T
    wave = 2 * np.pi / BEND_PERIOD
    column = column + BEND_AMPLITUDE * np.sin(wave * row)
    row = row + BEND_AMPLITUDE * np.sin(wave * column)
    return np.stack([column, row], axis=-1)


def print_table(header, rows) -> None:
    """Prints a Markdown table, and who of the metrics prefers which copy."""
    print("| " + " | ".join(header) + " |")
    print("|---" * len(header) + "|")
    for name, kind, squared, decibels, similarity, *distances in rows:
        numbers = [f"{squared:.5f}", f"{decibels:.2f}", f"{similarity:.4f}"]
        numbers += [f"{d:.4f}" for d in distances]
        print("| " + " | ".join([name, kind, *numbers]) + " |")
    for blurred, bent in zip(rows[::2], rows[1::2], strict=True):
        closer = {"blurred": [], "bent": []}
        for metric, a, b in zip(header[2:], blurred[2:], bent[2:], strict=True):
            # PSNR and SSIM grow as images become alike.
            smaller = a > b if metric in ("PSNR", "SSIM") else a < b
            closer["blurred" if smaller else "bent"].append(metric)
        for kind, metrics in closer.items():
            if metrics:
                names = ", ".join(metrics)
                print(f"{blurred[0]}: closer when {kind} to {names}")


def draw(path, images, net, score) -> None:
    """Draws each photograph, its copies and where they differ."""
    figure = Figure(
        figsize=(12, 2.55 * len(PHOTOGRAPHS)), dpi=110, layout="constrained"
    )
    axes = figure.subplots(len(PHOTOGRAPHS), 5)
    maps = {}
    for name, kind in images:
        pair = images[name, "reference"], images[name, kind]
        maps[name, kind] = score.spatial_map(*(x[None] for x in pair))[0]
    highest = max(heat.max() for heat in maps.values())
    for row, name in zip(axes, PHOTOGRAPHS, strict=True):
        panels = [("reference", images[name, "reference"])]
        for kind in ("blurred", "bent"):
            heat = maps[name, kind]
            panels.append((kind, images[name, kind]))
            panels.append((f"LPIPS {net}: {heat.mean():.3f}", heat))
        for axis, (title, pixels) in zip(row, panels, strict=True):
            shown = axis.imshow(pixels, cmap="inferno", vmin=0, vmax=highest)
            axis.set_title(title, fontsize=10)
            axis.set_axis_off()
    figure.colorbar(shown, ax=axes, fraction=0.02, label="LPIPS per pixel")
    with replacing(path) as partial:
        figure.savefig(partial)


if __name__ == "__main__":
    main()
