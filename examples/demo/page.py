"""Writes the demo's page from the files of the other steps.

python -m examples.demo.page FOLDER
"""

import csv
import json
import shlex
import sys
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from examples.demo import DIGITS
from examples.demo.steps import read_state

TEMPLATE = "page.html.jinja"
# Columns of the evaluation's tables: a 95 % interval.
ENDS = ("low", "high")
# The evaluation's metrics, under the page's names.
BEFORE, PUBLISHED = "off-the-shelf/alex", "lpips/alex"
METRICS = {
    "l2": "L2",
    "ssim": "SSIM",
    BEFORE: "alex before: all features weigh the same",
    PUBLISHED: "alex with the published weights",
}


def main(argv=None) -> None:
    """Writes the page."""
    (folder,) = map(Path, sys.argv[1:] if argv is None else argv)
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    html = environment.get_template(TEMPLATE).render(collect(folder))
    (folder / "index.html").write_text(html, encoding="utf-8")


def collect(folder: Path) -> dict:
    """Returns the template's variables."""
    state = read_state(folder)
    history = _read_csv(folder / "run" / "history.csv")
    rows = evaluation(folder)
    names = ("l2", "ssim", "before", "published", "after")
    overall = [row["scores"]["all"][0] for row in rows]
    manifest = _read_json(folder / "judgements" / "manifest.json")
    card = _read_json(folder / "models/lpips_alex/1/assets.extra/card.json")
    return {
        "distances": _read_json(folder / "distances" / "distances.json"),
        "digits": DIGITS,
        "manifest": manifest,
        "parts": photographs_by_part(manifest),
        "settings": _read_json(folder / "run" / "settings.json")["settings"],
        "history": history,
        "score_columns": [x for x in history[0] if x.endswith("_2afc")],
        "evaluation": rows,
        "scores": dict(zip(names, overall, strict=True)),
        "gain": gain(folder),
        "card": card,
        "predictions": _read_json(folder / "scores.json"),
        "steps": {k: v for k, v in state.items() if "made" in v},
        "commands": [
            f"python {shlex.join(step['command'])}" for step in state.values()
        ],
    }


def photographs_by_part(manifest: dict) -> dict[str, list[str]]:
    """Returns the photographs to train and to validate on."""
    parts = {"train": [], "val": []}
    for photograph in manifest["photographs"]:
        name = photograph["name"].removesuffix(".png")
        parts[photograph["part"]].append(name)
    return parts


def evaluation(folder: Path) -> list[dict]:
    """Returns the 2AFC scores and intervals of each metric, by subset."""
    run = str(folder / "run")
    names = {**METRICS, run: "alex after: calibrated here"}
    rows = _read_csv(folder / "report" / "two_afc.csv")
    return [
        {
            "title": title,
            "compared": metric in (BEFORE, run),
            "scores": {
                row["column"]: [float(row[key]) for key in ("percent", *ENDS)]
                for row in rows
                if row["row"] == metric
            },
        }
        for metric, title in names.items()
    ]


def gain(folder: Path) -> list[float]:
    """Returns the points gained by the calibration, and their interval."""
    for row in _read_csv(folder / "report" / "differences.csv"):
        names = row["first"], row["second"], row["column"]
        if names == (BEFORE, str(folder / "run"), "all"):
            # The file has the score before less that after.
            points, low, high = (-float(row[x]) for x in ("points", *ENDS))
            return [points, high, low]
    raise KeyError(BEFORE)


def _read_json(path):
    return json.loads(path.read_text())


def _read_csv(path) -> list[dict[str, str]]:
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


if __name__ == "__main__":
    main()
