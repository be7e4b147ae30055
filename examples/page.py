"""The demo's page, of what its steps have left.

    python -m examples.page --demo demo

Writes `index.html` into that folder; its pictures are the folder's.
"""

import argparse
from pathlib import Path

from examples.markup import page
from examples.sections.calibration import calibration, judgements
from examples.sections.distances import distances
from examples.sections.evaluation import evaluation
from examples.sections.export import export
from examples.sections.repetition import repetition
from examples.sections.summary import summary
from keras_lpips.atomic_files import replacing

TITLE = "LPIPS: measured, calibrated, evaluated, exported"


def main(argv=None) -> None:
    """Writes the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--demo", type=Path, required=True)
    write_page(parser.parse_args(argv).demo)


def write_page(folder) -> None:
    """Writes the page, whole or not at all.

    Args:
        folder: of a demo whose other steps are done.
    """
    parts = [
        *summary(folder),
        *distances(folder),
        *judgements(folder),
        *calibration(folder),
        *evaluation(folder),
        *export(folder),
        *repetition(folder),
    ]
    with replacing(folder / "index.html") as partial:
        partial.write_text(page(TITLE, parts), encoding="utf-8")


if __name__ == "__main__":
    main()
