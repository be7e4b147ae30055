r"""Scores metrics on the order of severity, type of distortion by type.

    python -m training.severity --data-dir DATA --output report/ \
        --metrics lpips/alex lpips/squeeze ssim psnr l2

`DATA` was made with `pipelines.synthesize --judge severity`: both patches of a
triplet have one type of distortion, and a metric should find the weaker one
closer. `training.metrics.registry` lists the metrics. Writes `severity.csv` and
`severity.md`.
"""

import json
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import simple_parsing
import tensorflow_datasets as tfds
from tqdm import tqdm

from keras_lpips.atomic_files import replacing, write_csv
from keras_lpips.images.validation import ImageError
from keras_lpips.metrics.two_afc import two_afc_scores
from keras_lpips.weights.npz import WeightsError
from pipelines.program import parse, run
from training.data.dataset import DataError, open_prepared, read_batches
from training.metrics.metric import MetricError
from training.metrics.registry import find_metric
from training.report.bootstrap import interval, resampled_means
from training.report.scores import Score

# All ordered pairs of types; each has too few triplets for a row of its own.
SEQUENCE = "two types in sequence"
SEED = 0


@dataclass(frozen=True)
class Settings:
    """Which metrics, on what, and where the tables go."""

    data_dir: str
    """Folder that pipelines.synthesize made with --judge severity."""
    output: str
    """Folder of the tables; made if it is not there."""
    metrics: list[str] = simple_parsing.list_field("lpips/alex", "l2")
    """Metrics; see `training.metrics.registry`."""
    batch_size: int = 64
    """Most triplets in a batch."""


def main(argv: Sequence[str] | None = None) -> int:
    """Parses the command line and scores; returns the exit status."""
    settings = parse("severity", __doc__, Settings, argv)
    return run(
        "severity",
        lambda: score(settings),
        "the tables are not written",
        DataError,
        MetricError,
        ImageError,
        WeightsError,
    )


def score(settings: Settings) -> dict[tuple[str, str], dict[str, Score]]:
    """Scores and writes the tables.

    Returns:
        The scores by (subset, type), then by metric.

    Raises:
        DataError: the data are not there, or have another judge.
        MetricError: a metric cannot be found.
    """
    metrics = [find_metric(name) for name in dict.fromkeys(settings.metrics)]
    builder = open_prepared(settings.data_dir, "twoafc_64")
    _check_judge(builder)
    right = defaultdict(list)
    total = sum(x.num_examples for x in builder.info.splits.values())
    with tqdm(total=total, unit="triplet", disable=None) as bar:
        for split in sorted(builder.info.splits):
            kinds = _kinds(builder, split)
            for batch in read_batches(builder, split, settings.batch_size):
                roles = [batch.images[role] for role in ("ref", "p0", "p1")]
                columns = [
                    two_afc_scores(*metric.two_distances(*roles), batch.answer)
                    for metric in metrics
                ]
                for name, row in zip(
                    batch.ids, np.column_stack(columns), strict=True
                ):
                    right[kinds[name]].append(row)
                bar.update(len(batch.ids))
    names = [metric.name for metric in metrics]
    scores = {
        kind: dict(zip(names, _scores(np.array(rows)), strict=True))
        for kind, rows in right.items()
    }
    _write(Path(settings.output), scores, {k: len(v) for k, v in right.items()})
    return scores


def _check_judge(builder):
    path = Path(builder.data_dir) / "manifest.json"
    manifest = json.loads(path.read_text()) if path.exists() else {}
    if manifest.get("judge") != "severity":
        raise DataError(
            f"{builder.data_dir} was not made by pipelines.synthesize with "
            "--judge severity"
        )


def _kinds(builder, split):
    """Subset and type by the triplet's id; no image is decoded."""
    patches = dict.fromkeys(("ref", "p0", "p1"), tfds.decode.SkipDecoding())
    dataset = builder.as_dataset(split=split, decoders=patches)
    kinds = {}
    for example in tfds.as_numpy(dataset):
        name, subset, kind = (
            example[key].decode() for key in ("id", "subset", "p0_type")
        )
        kinds[name] = (subset, SEQUENCE if "+" in kind else kind)
    return kinds


def _scores(rows):
    samples = resampled_means(rows, SEED)
    for mean, sample in zip(rows.mean(axis=0), samples.T, strict=True):
        low, high = interval(sample)
        yield Score(100 * float(mean), 100 * low, 100 * high)


def _write(output, scores, counts):
    output.mkdir(parents=True, exist_ok=True)
    write_csv(
        output / "severity.csv",
        ["subset", "type", "triplets", "metric", "percent", "low", "high"],
        [
            [*kind, str(counts[kind]), metric]
            + [f"{x:.3f}" for x in (each.percent, each.low, each.high)]
            for kind, by_metric in scores.items()
            for metric, each in by_metric.items()
        ],
    )
    text = "\n".join(table(scores, counts))
    with replacing(output / "severity.md") as partial:
        partial.write_text(text + "\n")
    print(text)


def table(scores, counts) -> Iterator[str]:
    """Lines of a table in Markdown, in percent, worst types first."""

    def worst(kind):
        return min(each.percent for each in scores[kind].values())

    metrics = list(next(iter(scores.values())))
    yield "| subset | type | triplets | " + " | ".join(metrics) + " |"
    yield "|---" * (3 + len(metrics)) + "|"
    for kind in sorted(counts, key=worst):
        cells = [
            f"{each.percent:.1f} [{each.low:.1f}, {each.high:.1f}]"
            for each in scores[kind].values()
        ]
        yield f"| {' | '.join([*kind, str(counts[kind]), *cells])} |"


if __name__ == "__main__":
    sys.exit(main())
