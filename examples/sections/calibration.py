"""The triplets, and how LPIPS is calibrated on them."""

import csv

from examples.markup import chart, heading, paragraph, table
from examples.sections.files import read_json


def judgements(folder) -> list[str]:
    """What the triplets are."""
    manifest = read_json(folder / "judgements" / "manifest.json")
    photographs = {"train": [], "val": []}
    for photograph in manifest["photographs"]:
        name = photograph["name"].removesuffix(".png")
        photographs[photograph["part"]].append(name)
    subsets = list(manifest["triplets_by_subset"])
    splits = manifest["splits"]
    rows = [
        [part, *(_count(splits, part, subset) for subset in subsets)]
        for part in photographs
    ]
    return [
        heading("Judged triplets"),
        paragraph(
            "A triplet is a patch of a photograph, 64 by 64 pixels, and two "
            f"distorted copies of it. {manifest['triplets']} were made, with "
            f"{len(manifest['patches_by_type'])} types of distortion. "
            f"{manifest['judge_meaning']}"
        ),
        table(["triplets", *subsets], rows),
        paragraph(
            f"To train on: {', '.join(sorted(photographs['train']))}. "
            f"Set aside: {', '.join(sorted(photographs['val']))}."
        ),
    ]


def _count(splits, part, subset):
    return splits.get(f"{part}_{subset}", {"examples": 0})["examples"]


def calibration(folder) -> list[str]:
    """How training went."""
    with open(folder / "run" / "history.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    scores = [name for name in rows[0] if name.endswith("_2afc")]
    settings = read_json(folder / "run" / "settings.json")["settings"]
    return [
        heading("Calibration"),
        paragraph(
            f"The recipe {settings['recipe']}, under MirroredStrategy: "
            "AlexNet's features stay as they are; how much each of them counts "
            "is learnt, with a small network, the ranking head, that predicts "
            "from two distances what a judge would say. The curve and column "
            "called loss are of the triplets trained on, all others of the "
            "photographs that were set aside."
        ),
        chart("run/curves.png", "loss and 2AFC score by epoch"),
        table(
            [
                *("epoch", "rate", "loss"),
                *(f"{name.removesuffix('_2afc')}, %" for name in scores),
            ],
            [
                [
                    row["epoch"],
                    f"{float(row['learning_rate']):.0e}",
                    f"{float(row['loss']):.4f}",
                    *(f"{float(row[name]):.1f}" for name in scores),
                ]
                for row in rows
            ],
            words=(),
        ),
    ]
