"""Scores metrics on the order of severity, type by type.

    python -m pipelines.score_severity --data DATA --metrics l2 ssim alex

`DATA` was made with `--judge severity`: both patches of a triplet have one
type of distortion, and the metric should find the weaker one closer. The
2AFC score of each type is printed as a table; 50 is chance.
"""

import json
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import simple_parsing
import tensorflow_datasets as tfds
from etils import epath
from simple_parsing.wrappers.field_wrapper import DashVariant

from pipelines.synthesis.judging import METRICS, distances
from tfds_bapps.problems import PreparationError

BATCH_SIZE = 64


@dataclass(frozen=True)
class Settings:
    """Which metrics, on what."""

    data: str
    """Folder that pipelines.synthesize made with --judge severity."""
    metrics: list[str] = simple_parsing.list_field("l2", "ssim", "alex")
    """Among l2, ssim, alex, vgg, squeeze."""
    triplets: int = 0
    """At most so many of each split; 0 for all."""


def main(argv: Sequence[str] | None = None) -> int:
    """Parses the command line and scores; returns the exit status."""
    parser = simple_parsing.ArgumentParser(
        prog="score_severity",
        description=__doc__,
        add_option_string_dash_variants=DashVariant.DASH,
    )
    parser.add_arguments(Settings, "settings")
    settings = parser.parse_args(argv).settings
    try:
        scores, counts = score(settings)
    except PreparationError as error:
        print(f"score_severity: {error}", file=sys.stderr)
        return 1
    print("\n".join(table(scores, counts, settings.metrics)))
    return 0


def score(settings: Settings) -> tuple[dict, dict]:
    """Returns 2AFC scores in [0, 1] by (type, metric), and counts by type.

    Raises:
        PreparationError: a metric is unknown, or the data have another judge.
    """
    unknown = sorted(set(settings.metrics) - set(METRICS))
    if unknown or not settings.metrics:
        raise PreparationError(
            f"--metrics must be among {', '.join(METRICS)}. "
            f"Received: {', '.join(unknown)}"
        )
    path = epath.Path(settings.data) / "manifest.json"
    if not path.exists():
        raise PreparationError(f"{settings.data} has no manifest.json.")
    if json.loads(path.read_text())["judge"] != "severity":
        raise PreparationError(
            f"{settings.data} was not made with --judge severity."
        )
    right = defaultdict(list)
    for batch in _batches(settings):
        kinds = [(x["subset"], x["p0_type"]) for x in batch]
        judges = np.array([x["judge"] for x in batch])
        reference, p0, p1 = (
            np.stack([x[role] for x in batch]) for role in ("ref", "p0", "p1")
        )
        for name in settings.metrics:
            metric = distances(name)
            d0, d1 = metric(reference, p0), metric(reference, p1)
            for kind, each in zip(
                kinds, agreement(d0, d1, judges), strict=True
            ):
                right[tuple(x.decode() for x in kind), name].append(each)
    scores = {key: float(np.mean(each)) for key, each in right.items()}
    counts = {key[0]: len(each) for key, each in right.items()}
    return scores, counts


def agreement(d0, d1, judge):
    """The 2AFC score of each triplet: 1 - h, h, or a half for a tie."""
    return np.where(d0 < d1, 1 - judge, np.where(d1 < d0, judge, 0.5))


def table(scores, counts, metrics) -> Iterator[str]:
    """Lines of a table in Markdown, in percent, worst types first."""
    yield "| subset | type | triplets | " + " | ".join(metrics) + " |"
    yield "|---" * (3 + len(metrics)) + "|"

    def worst(kind):
        return min(scores[kind, metric] for metric in metrics)

    for kind in sorted(counts, key=worst):
        numbers = [f"{100 * scores[kind, metric]:.1f}" for metric in metrics]
        subset, name = kind
        yield f"| {subset} | {name} | {counts[kind]} | {' | '.join(numbers)} |"


def _batches(settings) -> Iterator[list[dict]]:
    builder = tfds.builder_from_directory(settings.data)
    for split in builder.info.splits:
        dataset = builder.as_dataset(split=split)
        dataset = dataset.take(settings.triplets or -1)
        batch = []
        for example in tfds.as_numpy(dataset):
            batch.append(example)
            if len(batch) == BATCH_SIZE:
                yield batch
                batch = []
        if batch:
            yield batch


if __name__ == "__main__":
    sys.exit(main())
