"""What the demo is, and what came of it."""

from examples.markup import note, paragraph
from examples.sections.evaluation import BEFORE, PUBLISHED
from examples.sections.files import read_csv, read_json


def summary(folder) -> list[str]:
    """What this is, and what came of it."""
    scores = scores_of_all(folder)
    run = str(folder / "run")
    manifest = read_json(folder / "judgements" / "manifest.json")
    points, low, high = gain(folder)
    return [
        paragraph(
            "LPIPS (Zhang et al., 2018) says how far apart two images look, by "
            "comparing the features that a network sees in them. Below, "
            "photographs that come with scikit-image are compared by it and by "
            "older metrics; a small set of judged triplets is made of them; "
            "LPIPS is calibrated on that set and evaluated before and after; "
            "and the result is exported and used without Keras."
        ),
        paragraph(
            "On photographs that the calibration has not seen, its order is "
            f"the right one in {scores[run]:.1f} % of the triplets. It was in "
            f"{scores[BEFORE]:.1f} % before, which makes {points:+.1f} points, "
            f"with a 95 % interval of {low:+.1f} to {high:+.1f}. With the "
            f"published weights it is in {scores[PUBLISHED]:.1f} %, by L2 in "
            f"{scores['l2']:.1f} % and by SSIM in {scores['ssim']:.1f} %."
        ),
        note(
            f"What is right was said by no person here. "
            f"{manifest['judge_meaning']}"
        ),
    ]


def scores_of_all(folder):
    """Returns the 2AFC score over all subsets, by metric."""
    return {
        row: float(percent)
        for row, column, percent, *_ in read_csv(
            folder / "report" / "two_afc.csv"
        )
        if column == "all"
    }


def gain(folder):
    """Returns by how many points the calibration gained, and the interval."""
    for first, second, column, *numbers in read_csv(
        folder / "report" / "differences.csv"
    ):
        if (first, second, column) == (BEFORE, str(folder / "run"), "all"):
            # Of before less after.
            points, low, high = (-float(x) for x in numbers)
            return points, high, low
    raise KeyError(BEFORE)
