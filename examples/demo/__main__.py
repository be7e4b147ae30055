"""Runs every part of the project on photographs that come with scikit-image.

    python -m examples.demo --output demo

Compares blurred and bent photographs, makes a small set of judged triplets,
calibrates LPIPS on it, evaluates it before and after, exports it, scores
images through the export, and writes a page with the results. The same command
resumes an interrupted demo.
"""

import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from examples.demo.steps import Step, run_steps
from keras_lpips_cli.program import parse, run

# Two of the eight photographs are for validation.
VAL_SHARE = 0.3
# With so few triplets, the reference's 50 would give too few steps.
BATCH_SIZE = 10
METRICS = ("l2", "ssim", "off-the-shelf/alex", "lpips/alex")
PAGE = "index.html"


@dataclass(frozen=True)
class DemoConfig:
    """Flags of the demo."""

    output: Path = Path("demo")
    """The folder to write to."""
    triplets: int = 3000
    """The number of triplets to make."""


def main(argv=None) -> int:
    """Runs the demo and returns the exit status."""
    config = parse(DemoConfig, __doc__, argv, prog="examples.demo")
    # Also terminates the running step.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))

    def work():
        start = time.monotonic()
        run_steps(make_steps(config), config.output)
        print(f"Done in {time.monotonic() - start:.0f} s.")
        print(f"The page: {(config.output / PAGE).resolve()}")

    return run("examples.demo", work, "the same command resumes the demo")


def make_steps(config: DemoConfig) -> list[Step]:
    """Returns the steps of the demo, in order."""
    folder = config.output
    photographs, judgements = folder / "photographs", folder / "judgements"
    distances, training_run = folder / "distances", folder / "run"
    report, models = folder / "report", folder / "models" / "lpips_alex"
    scores = folder / "scores.json"

    def step(title, output, program, *options, resumable=False):
        command = ("-m", program, *map(str, options))
        name = program.removeprefix("examples.demo.")
        return Step(name, title, command, output, resumable)

    return [
        step(
            "Photographs",
            photographs,
            *("examples.demo.photographs", photographs),
        ),
        step(
            "Distances of blurred and bent photographs",
            distances,
            *("examples.demo.distances", distances),
        ),
        step(
            "Judged triplets, made by Beam",
            judgements,
            *("pipelines.synthesize", "--photos", photographs),
            *("--triplets", config.triplets, "--val-share", VAL_SHARE),
            *("--families", "traditional", "algorithms"),
            *("--judge", "severity", "--output", judgements),
            resumable=True,
        ),
        step(
            "Calibration on the triplets",
            training_run,
            *("training.train", "--recipe", "alex/lin-fast"),
            *("--data-dir", judgements, "--batch-size", BATCH_SIZE),
            *("--output", training_run),
            resumable=True,
        ),
        step(
            "Evaluation before and after",
            report,
            *("training.evaluate", "--data-dir", judgements),
            *("--output", report, "--skip-shift"),
            *("--metrics", *METRICS, training_run),
        ),
        step(
            "Export",
            models,
            *("saved_models.export", "--from", training_run),
            *("--output", models, "--model-version", 1),
        ),
        step(
            "Photographs scored through the export, without Keras",
            scores,
            *("examples.demo.score_export", models / "1", distances, scores),
        ),
        step("Page", folder / PAGE, "examples.demo.page", folder),
    ]


if __name__ == "__main__":
    sys.exit(main())
