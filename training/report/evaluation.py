"""Evaluates metrics on a prepared dataset and writes the report."""

import numpy as np
from tqdm import tqdm

from keras_lpips.atomic_files import create_folder
from training.configs import EvaluateConfig
from training.data.dataset import (
    DataError,
    find_splits,
    judgement_origin,
    open_prepared,
    read_batches,
    subset_name,
)
from training.metrics.metric import MetricError
from training.metrics.registry import find_metric
from training.report.disagreements import WorstTriplets, write_disagreements
from training.report.report import Results, write_report
from training.report.scores import JudgedTriplets
from training.report.shift_robustness import SHIFTS, find_flips


def evaluate(config: EvaluateConfig) -> Results:
    """Evaluates metrics and writes the report.

    Args:
        config: the config.

    Returns:
        The results that the report shows.

    Raises:
        DataError: if the dataset is missing or of another form.
        MetricError: if a metric is unknown or fails.
    """
    with create_folder(config.output) as output:
        results, worst = _measure(config)
        write_report(output, results)
        write_disagreements(
            output / "disagreements.html", worst, results.origin
        )
    print(f"training.evaluate: wrote {output / 'report.md'}")
    return results


def _measure(config):
    names = list(dict.fromkeys(config.metrics))
    metrics = [find_metric(name) for name in names]
    builder = open_prepared(config.data_dir, config.config)
    judged, flipped = [], {metric.name: [] for metric in metrics}
    worst = WorstTriplets(metrics, config.worst)
    for split in find_splits(builder, config.part):
        batches = read_batches(builder, split, config.batch_size)
        judged.append(
            _judge(
                split, _with_progress(builder, split, batches), metrics, worst
            )
        )
        if not config.skip_shift:
            batches = read_batches(builder, split, config.batch_size)
            for batch in _with_progress(builder, split, batches, "shift"):
                for metric in metrics:
                    flipped[metric.name].append(find_flips(metric, batch))
    results = Results(
        judged=judged,
        jnd=_jnd(config, metrics),
        flips={
            name: dict(zip(SHIFTS, _percent(parts), strict=True))
            for name, parts in flipped.items()
            if parts
        },
        data=str(builder.data_dir),
        origin=judgement_origin(builder),
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
            worst.record(metric, split, batch, pair)
            for column, values in zip(
                distances[metric.name], pair, strict=True
            ):
                column.append(values)
    return JudgedTriplets(
        subset_name(split),
        ids,
        np.concatenate(judge),
        {
            name: tuple(map(np.concatenate, columns))
            for name, columns in distances.items()
        },
    )


def _jnd(config, metrics):
    try:
        builder = open_prepared(config.data_dir, config.jnd_config)
        splits = find_splits(builder, config.part)
    except DataError:
        return {}
    if "same" not in builder.info.features:
        return {}
    pairs = {}
    for split in splits:
        same, distances = [], {metric.name: [] for metric in metrics}
        batches = read_batches(builder, split, config.batch_size)
        for batch in _with_progress(builder, split, batches, "JND"):
            same.append(batch.answer)
            for metric in metrics:
                values = metric.distances(
                    batch.images["p0"], batch.images["p1"]
                )
                _check_finite(metric, batch, values)
                distances[metric.name].append(values)
        pairs[subset_name(split)] = (
            np.concatenate(same),
            {name: np.concatenate(x) for name, x in distances.items()},
        )
    return pairs


def _check_finite(metric, batch, values):
    if not np.isfinite(values).all():
        raise MetricError(
            f"{metric.name} returned a distance that is not finite for one of "
            f"the triplets {batch.ids[0]} to {batch.ids[-1]}"
        )


def _with_progress(builder, split, batches, what="2AFC"):
    total = builder.info.splits[split].num_examples
    with tqdm(
        total=total, desc=f"{split} {what}", unit="triplet", disable=None
    ) as bar:
        for batch in batches:
            yield batch
            bar.update(len(batch.ids))


def _percent(parts):
    return (100 * np.concatenate(parts).mean(axis=0)).tolist()
