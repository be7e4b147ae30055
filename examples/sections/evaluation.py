"""Scores before and after."""

from examples.markup import heading, link, paragraph, table
from examples.sections.files import read_csv

# What the evaluation's metrics are here.
BEFORE = "off-the-shelf/alex"
PUBLISHED = "lpips/alex"
ROWS = {
    "l2": "L2",
    "ssim": "SSIM",
    BEFORE: "alex before: all features weigh the same",
    PUBLISHED: "alex with the published weights",
}


def evaluation(folder) -> list[str]:
    """Scores before and after."""
    found = read_csv(folder / "report" / "two_afc.csv")[1:]
    columns = list(dict.fromkeys(row[1] for row in found))
    run = str(folder / "run")
    names = {**ROWS, run: "alex after: calibrated here"}
    cells = {
        (row, column): (
            f"{float(percent):.1f}",
            f"{float(low):.1f} to {float(high):.1f}",
        )
        for row, column, percent, low, high, _ in found
    }
    return [
        heading("Before and after"),
        paragraph(
            "2AFC: how often, in percent, a metric orders the two copies of a "
            "triplet as the judge does, on photographs that were set aside; "
            "below it a 95 % interval over these triplets. 50 is chance."
        ),
        table(
            ["metric", *columns],
            [
                [title, *(cells[name, column] for column in columns)]
                for name, title in names.items()
            ],
            marked=[i for i, x in enumerate(names) if x in (BEFORE, run)],
            wrapped=(0,),
        ),
        link("report/report.md", "The report, with paired differences"),
        link(
            "report/disagreements.html",
            "The triplets on which metric and judge disagree most",
        ),
    ]
