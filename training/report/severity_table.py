"""Scores how well metrics order severities, by type of distortion."""

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import tensorflow_datasets as tfds
from tqdm import tqdm

from keras_lpips.atomic_files import atomic_path, write_csv
from keras_lpips.metrics.two_afc import two_afc_scores
from keras_lpips_cli.state_files import read_state
from training.configs import SeverityConfig
from training.data.dataset import (
    DataError,
    open_prepared,
    open_source,
    read_batches,
)
from training.metrics.registry import find_metric
from training.report.scores import Score, interval, resampled_means

# All ordered pairs of types; each has too few triplets for a row of its own.
SEQUENCE = "two types in sequence"
SEED = 0


def score_severities(
    config: SeverityConfig,
) -> dict[tuple[str, str], dict[str, Score]]:
    """Scores the metrics and writes the tables.

    Args:
        config: the settings.

    Returns:
        The scores by (subset, type), then by metric.

    Raises:
        DataError: if the data are missing, or have another judge.
        MetricError: if a metric is unknown.
    """
    metrics = [find_metric(name) for name in dict.fromkeys(config.metrics)]
    builder = open_prepared(config.data_dir, "twoafc_64")
    _check_judge(builder)
    rows_by_kind = defaultdict(list)
    total = sum(x.num_examples for x in builder.info.splits.values())
    with tqdm(total=total, unit="triplet", disable=None) as bar:
        for split in sorted(builder.info.splits):
            kinds = _kinds(builder, split)
            for batch in read_batches(builder, split, config.batch_size):
                roles = [batch.images[role] for role in ("ref", "p0", "p1")]
                columns = []
                for metric in metrics:
                    first, second = metric.two_distances(*roles)
                    columns.append(two_afc_scores(first, second, batch.answer))
                for name, row in zip(
                    batch.ids, np.column_stack(columns), strict=True
                ):
                    rows_by_kind[kinds[name]].append(row)
                bar.update(len(batch.ids))
    names = [metric.name for metric in metrics]
    scores = {
        kind: dict(zip(names, _scores(np.array(rows)), strict=True))
        for kind, rows in rows_by_kind.items()
    }
    _write(config.output, scores, {k: len(v) for k, v in rows_by_kind.items()})
    return scores


def _check_judge(builder):
    path = Path(builder.data_dir) / "manifest.json"
    manifest = read_state(path) if path.exists() else {}
    if manifest.get("judge") != "severity":
        raise DataError(
            f"{builder.data_dir} was not made by pipelines.synthesize with "
            "--judge severity"
        )


def _kinds(builder, split):
    """Returns subset and type by the triplet's id, without decoding images."""
    patches = dict.fromkeys(("ref", "p0", "p1"), tfds.decode.SkipDecoding())
    kinds = {}
    for example in open_source(builder, [split], decoders=patches):
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
    text = "\n".join(format_table(scores, counts))
    with atomic_path(output / "severity.md") as partial:
        partial.write_text(text + "\n")
    print(text)


def format_table(scores, counts) -> Iterator[str]:
    """Yields the lines of a Markdown table in percent, worst types first."""

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
