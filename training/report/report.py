"""The evaluation report: Markdown, CSV and a chart."""

from dataclasses import dataclass, field
from pathlib import Path

from keras_lpips.atomic_files import atomic_path, write_csv
from training.report.paper_table import published_row
from training.report.scores import (
    CEILING,
    HUMAN,
    JudgedTriplets,
    jnd_table,
    paired_differences,
    rank_correlation,
    two_afc_table,
)

# Colors of people's bars in the chart, and of metrics'.
COLORS = {HUMAN: "#444444", CEILING: "#bbbbbb"}
HUES = [
    *("#1f77b4", "#ff7f0e", "#2ca02c", "#d62728", "#9467bd", "#8c564b"),
    *("#e377c2", "#bcbd22", "#17becf", "#aec7e8", "#ffbb78", "#98df8a"),
    *("#ff9896", "#c5b0d5", "#c49c94", "#f7b6d2", "#dbdb8d", "#9edae5"),
]
# Per line of the chart.
MOST_BARS = 60


@dataclass(frozen=True)
class Results:
    """The measurements of an evaluation.

    Attributes:
        judged: the triplets of each subset.
        jnd: see `training.report.scores.jnd_table`; empty without JND pairs.
        flips: in percent, by metric and shift in pixels; may be empty.
        data: source of the judgements.
        origin: who or what made the judgements; "" if people made them.
    """

    judged: list[JudgedTriplets]
    jnd: dict = field(default_factory=dict)
    flips: dict = field(default_factory=dict)
    data: str = ""
    origin: str = ""


def write_report(output, results: Results) -> None:
    """Writes the report's tables and its chart into a folder.

    Args:
        output: an existing folder.
        results: the measurements.
    """
    output = Path(output)
    table = two_afc_table(results.judged)
    differences = paired_differences(results.judged)
    jnd = jnd_table(results.jnd)
    columns = list(table[HUMAN])
    write_csv(
        output / "two_afc.csv",
        ["row", "column", "percent", "low", "high", "paper"],
        [
            [row, column, *_numbers(score), _paper(row, column)]
            for row, scores in table.items()
            for column, score in scores.items()
        ],
    )
    write_csv(
        output / "differences.csv",
        ["first", "second", "column", "points", "low", "high"],
        [
            [*pair, column, *_numbers(score)]
            for pair, scores in differences.items()
            for column, score in scores.items()
        ],
    )
    write_csv(
        output / "triplets.csv",
        ["subset", "id", "judge", "metric", "d0", "d1", "score"],
        _triplet_rows(results.judged),
    )
    text = [
        *_heading(results.origin),
        "",
        f"Judgements: `{results.data}`, "
        + ", ".join(f"{x.subset} {len(x.ids)}" for x in results.judged)
        + ". 2AFC in percent with 95 % bootstrap intervals; in parentheses "
        "the paper's number. Averages are over subsets, as in its Table 5.",
        "",
        "## 2AFC",
        "",
        *_markdown(
            ["", *columns],
            [
                [row, *(_cell(row, column, scores) for column in columns)]
                for row, scores in table.items()
            ],
        ),
        "",
        "![2AFC by metric](two_afc.png)",
    ]
    if differences:
        text += ["", "## Paired differences", "", *_differences(differences)]
    if jnd:
        text += ["", "## JND", "", *_jnd(output, jnd, table)]
    if results.flips:
        text += ["", "## Shift", "", *_flips(output, results.flips)]
    with atomic_path(output / "report.md") as partial:
        partial.write_text("\n".join(text) + "\n")
    write_chart(output / "two_afc.png", table)


def _heading(origin):
    if not origin:
        return ["# How well metrics agree with people"]
    return [
        "# How well metrics agree with judgements that people did not make",
        "",
        f"{origin} The row `{HUMAN}` is the agreement of these answers with "
        "each other; the paper's numbers are from other data.",
    ]


def write_chart(path, table) -> None:
    """Draws a bar chart like the paper's Figure 4.

    Args:
        path: the picture to write.
        table: see `training.report.scores.two_afc_table`.
    """
    from matplotlib.figure import Figure

    columns = list(table[HUMAN])
    # Narrower bars could not be distinguished.
    in_line = max(1, min(len(columns), MOST_BARS // len(table)))
    lines = [columns[i : i + in_line] for i in range(0, len(columns), in_line)]
    figure = Figure(
        figsize=(11, 1.4 + 2.4 * len(lines)), dpi=120, layout="constrained"
    )
    axes = figure.subplots(len(lines), 1, squeeze=False)[:, 0]
    lowest = min(x.low for row in table.values() for x in row.values())
    for axis, line in zip(axes, lines, strict=True):
        _draw_bars(axis, table, line)
        axis.axhline(50, color="black", linewidth=0.7, linestyle=":")
        axis.set_ylim(min(50, lowest // 10 * 10), 100)
        axis.set_xlim(-0.5, in_line - 0.5)
        axis.set_ylabel("2AFC score, %")
        axis.set_xticks(range(len(line)), line)
        axis.spines[["top", "right"]].set_visible(False)
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(
        handles, labels, fontsize=7, ncols=5, loc="outside upper center"
    )
    with atomic_path(path) as partial:
        figure.savefig(partial)


def _draw_bars(axis, table, columns):
    width = 0.84 / len(table)
    metrics = [row for row in table if row not in COLORS]
    for i, (row, scores) in enumerate(table.items()):
        shown = [scores[column] for column in columns]
        color = COLORS.get(row)
        if color is None:
            color = HUES[metrics.index(row) % len(HUES)]
        axis.bar(
            [x + (i - (len(table) - 1) / 2) * width for x in range(len(shown))],
            [x.percent for x in shown],
            width,
            yerr=[
                [max(0, x.percent - x.low) for x in shown],
                [max(0, x.high - x.percent) for x in shown],
            ],
            error_kw={"elinewidth": 0.7, "ecolor": "#222222"},
            label=row,
            color=color,
        )


def _numbers(score):
    return [f"{x:.5f}" for x in (score.percent, score.low, score.high)]


def _paper(row, column):
    published = published_row(row)
    if published is None or column not in published:
        return ""
    return f"{published[column]:.1f}"


def _cell(row, column, scores):
    score = scores[column]
    text = f"{score.percent:.2f} [{score.low:.1f}, {score.high:.1f}]"
    paper = _paper(row, column)
    return f"{text} ({paper})" if paper else text


def _triplet_rows(judged):
    for part in judged:
        scores = part.scores()
        for metric, (first, second) in part.distances.items():
            for i, name in enumerate(part.ids):
                yield [
                    part.subset,
                    name,
                    f"{part.judge[i]:.6g}",
                    metric,
                    f"{first[i]:.9g}",
                    f"{second[i]:.9g}",
                    f"{scores[metric][i]:.6g}",
                ]


def _differences(differences):
    rows = []
    for (first, second), scores in differences.items():
        score = scores["all"]
        clear = "yes" if score.low > 0 or score.high < 0 else "no"
        points = f"{score.percent:+.2f} [{score.low:+.2f}, {score.high:+.2f}]"
        rows.append([f"{first} - {second}", points, clear])
    return _markdown(["average over all", "points", "0 outside"], rows)


def _jnd(output, jnd, table):
    columns = list(next(iter(jnd.values())))
    write_csv(
        output / "jnd.csv",
        ["metric", *columns],
        [[row, *(f"{x:.5f}" for x in v.values())] for row, v in jnd.items()],
    )
    text = _markdown(
        ["average precision, %", *columns],
        [[row, *(f"{x:.2f}" for x in v.values())] for row, v in jnd.items()],
    )
    rho = rank_correlation(
        {row: scores["all"].percent for row, scores in table.items()},
        {row: scores["mAP"] for row, scores in jnd.items()},
    )
    if rho is not None:
        text += ["", f"Spearman's rho of 2AFC and JND: {rho:.3f} (.928)."]
    return text


def _flips(output, flips):
    shifts = list(next(iter(flips.values())))
    header = ["metric", *(f"{shift} px" for shift in shifts)]
    rows = [
        [metric, *(f"{x:.2f}" for x in by_shift.values())]
        for metric, by_shift in flips.items()
    ]
    write_csv(output / "shift.csv", header, rows)
    return [
        "Percentage of triplets whose order flips when both distorted images "
        "are shifted against the reference.",
        "",
        *_markdown(header, rows),
    ]


def _markdown(header, rows):
    lines = [header, ["---"] * len(header), *rows]
    return ["| " + " | ".join(line) + " |" for line in lines]
