r"""Shows how well metrics agree with people, beside the paper's numbers.

    python -m training.evaluate --data-dir DATA --output report/ \
        --metrics lpips/alex off-the-shelf/squeeze ssim fsimc l2 runs/alex-lin

`training.metrics.registry` lists the metrics. The report is `report.md`, with
`two_afc.csv`, `differences.csv`, `triplets.csv`, `jnd.csv`, `shift.csv`, the
chart `two_afc.png` and `disagreements.html`.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import simple_parsing
from tqdm import tqdm

from keras_lpips.atomic_files import made_folder
from keras_lpips.images.validation import ImageError
from keras_lpips.weights.npz import WeightsError
from pipelines.program import parse, run
from training.data.dataset import (
    DataError,
    judge_meaning,
    open_prepared,
    read_batches,
    splits_of,
    subset_of,
)
from training.metrics.metric import MetricError
from training.metrics.registry import find_metric
from training.report.disagreements import Worst, write_disagreements
from training.report.report import Results, write_report
from training.report.scores import Judged
from training.report.shift_robustness import SHIFTS, flips


@dataclass(frozen=True)
class Settings:
    """Which metrics to evaluate, on what, and where the report goes."""

    data_dir: str
    """Folder of the prepared datasets."""
    output: str
    """Folder of the report; made if it is not there."""
    metrics: list[str] = simple_parsing.list_field("lpips/alex", "l2")
    """Metrics; see `training.metrics.registry`."""
    config: str = "twoafc_64"
    """Configuration with the 2AFC judgements."""
    jnd_config: str = "jnd_64"
    """Configuration with the JND judgements; left out where not prepared."""
    part: str = "val"
    """Part of the dataset: val, test or train."""
    batch_size: int = 64
    """Most triplets in a batch."""
    shift: bool = True
    """Whether the robustness to a shift is measured, 8 passes per triplet."""
    worst: int = 12
    """Triplets per metric on the page of disagreements."""


def main(argv: Sequence[str] | None = None) -> int:
    """Parses the command line and evaluates; returns the exit status."""
    settings = parse("evaluate", __doc__, Settings, argv)
    return run(
        "evaluate",
        lambda: evaluate(settings),
        "the report is not written",
        DataError,
        MetricError,
        ImageError,
        WeightsError,
    )


def evaluate(settings: Settings) -> Results:
    """Evaluates metrics and writes the report.

    Args:
        settings: the user's wishes.

    Returns:
        What the report was made of.
    """
    with made_folder(settings.output) as output:
        results, worst = _measure(settings)
        write_report(output, results)
        write_disagreements(
            output / "disagreements.html", worst, results.meaning
        )
    print(f"evaluate: {output / 'report.md'} is written")
    return results


def _measure(settings):
    names = list(dict.fromkeys(settings.metrics))
    metrics = [find_metric(name) for name in names]
    builder = open_prepared(settings.data_dir, settings.config)
    judged, flipped = [], {metric.name: [] for metric in metrics}
    worst = Worst(metrics, settings.worst)
    for split in splits_of(builder, settings.part):
        batches = read_batches(builder, split, settings.batch_size)
        judged.append(
            _judge(split, _counted(builder, split, batches), metrics, worst)
        )
        if settings.shift:
            batches = read_batches(builder, split, settings.batch_size)
            for batch in _counted(builder, split, batches, "shift"):
                for metric in metrics:
                    flipped[metric.name].append(flips(metric, batch))
    results = Results(
        judged=judged,
        jnd=_jnd(settings, metrics),
        flips={
            name: dict(zip(SHIFTS, _percent(parts), strict=True))
            for name, parts in flipped.items()
            if parts
        },
        data=str(builder.data_dir),
        meaning=judge_meaning(builder),
    )
    return results, worst


def _judge(split, batches, metrics, worst):
    ids, judge = [], []
    distances = {metric.name: ([], []) for metric in metrics}
    for batch in batches:
        ids += batch.ids
        judge.append(batch.answer)
        for metric in metrics:
            pair = metric.two_distances(
                *(batch.images[role] for role in ("ref", "p0", "p1"))
            )
            _check_finite(metric, batch, pair)
            worst.note(metric, split, batch, pair)
            for column, values in zip(
                distances[metric.name], pair, strict=True
            ):
                column.append(values)
    return Judged(
        subset_of(split),
        ids,
        np.concatenate(judge),
        {
            name: tuple(map(np.concatenate, columns))
            for name, columns in distances.items()
        },
    )


def _jnd(settings, metrics):
    try:
        builder = open_prepared(settings.data_dir, settings.jnd_config)
        splits = splits_of(builder, settings.part)
    except DataError:
        return {}
    if "same" not in builder.info.features:
        return {}
    pairs = {}
    for split in splits:
        same, distances = [], {metric.name: [] for metric in metrics}
        batches = read_batches(builder, split, settings.batch_size)
        for batch in _counted(builder, split, batches, "JND"):
            same.append(batch.answer)
            for metric in metrics:
                values = metric.distances(
                    batch.images["p0"], batch.images["p1"]
                )
                _check_finite(metric, batch, values)
                distances[metric.name].append(values)
        pairs[subset_of(split)] = (
            np.concatenate(same),
            {name: np.concatenate(x) for name, x in distances.items()},
        )
    return pairs


def _check_finite(metric, batch, values):
    if not np.isfinite(values).all():
        raise MetricError(
            f"{metric.name} gives a distance that is not finite among the "
            f"triplets {batch.ids[0]} to {batch.ids[-1]}"
        )


def _counted(builder, split, batches, what="2AFC"):
    total = builder.info.splits[split].num_examples
    with tqdm(
        total=total, desc=f"{split} {what}", unit="triplet", disable=None
    ) as bar:
        for batch in batches:
            yield batch
            bar.update(len(batch.ids))


def _percent(parts):
    return (100 * np.concatenate(parts).mean(axis=0)).tolist()


if __name__ == "__main__":
    sys.exit(main())
