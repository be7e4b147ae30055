"""The whole main job on photographs that come with scikit-image.

    python -m examples.demo --output demo

Distances of blurred and bent photographs; a small set of judged triplets;
calibration of LPIPS on it; the evaluation before and after; an export; images
scored through it; and a page with all of that, whose path is printed. The
same command goes on where it was stopped.
"""

import argparse
import signal
import sys
import time
from pathlib import Path

from examples.steps import Step, StepError, run_steps

TRIPLETS = 3000
# Sets two of the eight photographs aside.
VAL_SHARE = 0.3
# The reference's 50 would make too few steps of so few triplets.
BATCH_SIZE = 10
METRICS = ("l2", "ssim", "off-the-shelf/alex", "lpips/alex")
PAGE = "index.html"


def main(argv=None) -> int:
    """Runs the steps; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, default=Path("demo"))
    parser.add_argument(
        "--triplets", type=int, default=TRIPLETS, help="how many are made"
    )
    arguments = parser.parse_args(argv)
    folder = arguments.output
    start = time.monotonic()
    # What a step has begun is stopped with the demo.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        run_steps(make_steps(folder, arguments.triplets), folder)
    except (StepError, OSError) as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(
            "demo: interrupted; the same command goes on from here",
            file=sys.stderr,
        )
        return 130
    print(f"{time.monotonic() - start:.0f} s. Delete {folder} to start anew.")
    print(f"The page: {(folder / PAGE).resolve()}")
    return 0


def make_steps(folder, triplets) -> list[Step]:
    """Returns the steps of a demo.

    Args:
        folder: where everything is written.
        triplets: how many are made.
    """
    photographs, judgements = folder / "photographs", folder / "judgements"
    distances, run = folder / "distances", folder / "run"
    report, model = folder / "report", folder / "models" / "lpips_alex"
    scores = folder / "scores.json"

    def step(name, title, output, program, *options, whole=False):
        command = ("-m", program, *map(str, options))
        return Step(name, title, command, output, whole)

    return [
        step(
            "photographs",
            "Photographs",
            photographs,
            *("examples.photographs", "--output", photographs),
        ),
        step(
            "distances",
            "Distances of blurred and bent photographs",
            distances,
            *("examples.distances", "--output", distances),
        ),
        step(
            "judgements",
            "Judged triplets, made by Beam",
            judgements,
            *("pipelines.synthesize", "--photos", photographs),
            *("--triplets", triplets, "--val-share", VAL_SHARE),
            *("--families", "traditional", "algorithms"),
            *("--judge", "severity", "--output", judgements),
            whole=True,
        ),
        step(
            "training",
            "Calibration on them",
            run,
            *("training.train", "--recipe", "alex/lin-fast"),
            *("--data-dir", judgements, "--batch-size", BATCH_SIZE),
            *("--output", run),
        ),
        step(
            "evaluation",
            "Evaluation before and after",
            report,
            *("training.evaluate", "--data-dir", judgements),
            *("--output", report, "--shift", "false"),
            *("--metrics", *METRICS, run),
        ),
        step(
            "export",
            "Export",
            model / "1",
            *("saved_models.export", "--from", run),
            *("--output", model, "--version", 1),
            whole=True,
        ),
        step(
            "scoring",
            "Photographs scored through the export, without Keras",
            scores,
            *("examples.scoring", "--model", model / "1"),
            *("--images", distances, "--output", scores),
        ),
        step(
            "page",
            "Page",
            folder / PAGE,
            *("examples.page", "--demo", folder),
        ),
    ]


if __name__ == "__main__":
    sys.exit(main())
