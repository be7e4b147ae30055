"""Measures triplets per second: distortions, with records, with Beam.

    python -m benchmarks.synthesis_rate --photos DIR --workers 1 2 --bank BANK

Each step is timed with few and with many triplets; the rate is computed from
the difference, without the start (imports, worker processes, reading
photographs). Steps are timed in turn. Prints the median, and the median
overhead over the distortions alone in the same turn. Times are wall-clock
times: the machine must be idle. `docs/speed.md` has the numbers.
"""

import argparse
import dataclasses
import operator
import statistics
import tempfile
import time
from functools import partial
from pathlib import Path

import cv2
from apache_beam.options.pipeline_options import PipelineOptions
from etils import epath

from pipelines.image_io.photographs import read_photograph
from pipelines.image_io.survey import find_photographs, survey
from pipelines.synthesis.config import SynthesisConfig
from pipelines.synthesis.job import synthesize
from pipelines.synthesis.planning import make_plan
from pipelines.synthesis.shards import (
    Shard,
    load_libraries,
    make_synthetic_features,
    write_shard,
)
from pipelines.synthesis.triplet import draw_triplet

# Few and many triplets of each family.
TRIPLETS = {
    "traditional": (512, 5632),
    "algorithms": (256, 2304),
    "cnn": (256, 4352),
}


def main() -> None:
    """Measures the families and prints a table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photos", required=True)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--bank", default="", help="networks; adds cnn")
    parser.add_argument(
        "--families", nargs="+", choices=TRIPLETS, default=list(TRIPLETS)
    )
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    # As in `pipelines.synthesis.shards`.
    cv2.setNumThreads(0)
    print(
        "| family | what | triplets/s | ms of a core | beside alone | start |"
    )
    print("|---|---|---|---|---|---|")
    for family in arguments.families:
        if family == "cnn" and not arguments.bank:
            continue
        _print(family, _turns(family, arguments))


def _turns(family, arguments):
    """Returns seconds for few and for many triplets, by step and workers."""
    config = SynthesisConfig(
        triplets=1,
        output="",
        photos=arguments.photos,
        families=(family,),
        bank=arguments.bank if family == "cnn" else "",
    )
    with tempfile.TemporaryDirectory() as folder:
        found = survey(
            find_photographs(arguments.photos), 64, epath.Path(folder)
        )
    steps = {
        ("distortions alone", 1): partial(_distort, config, found.usable),
        ("and records, without Beam", 1): partial(_write, config, found.usable),
    }
    for workers in arguments.workers:
        steps[f"the command, workers: {workers}", workers] = partial(
            _synthesize, config, workers
        )
    turns = {step: [] for step in steps}
    for _ in range(arguments.rounds):
        for step, run in steps.items():
            _seconds(run, 1)  # Loads everything once.
            turns[step].append([_seconds(run, n) for n in TRIPLETS[family]])
    return turns


def _seconds(run, triplets):
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        run(triplets, folder)
        return time.perf_counter() - start


def _print(family, turns):
    few, many = TRIPLETS[family]
    alone = None
    for (what, cores), seconds in turns.items():
        each = [(b - a) / (many - few) for a, b in seconds]
        costs = [1000 * cores * x for x in each]
        alone = alone or costs
        beside = statistics.median(map(operator.truediv, costs, alone)) - 1
        each = statistics.median(each)
        begin = statistics.median(a - few * each for a, _ in seconds)
        numbers = (
            f"{1 / each:.0f} | {statistics.median(costs):.2f} "
            f"| {100 * beside:+.0f} % | {max(0.0, begin):.1f} s"
        )
        print(f"| {family} | {what} | {numbers} |", flush=True)


def _distort(config, photographs, triplets, folder):
    config = dataclasses.replace(config, triplets=triplets)
    for shards in make_plan(photographs, config).values():
        for shard in shards:
            for photograph, indices in shard:
                pixels = read_photograph(Path(photograph.path).read_bytes())
                for index in indices:
                    draw_triplet(photograph.digest, index, config).render(
                        pixels
                    )


def _write(config, photographs, triplets, folder):
    config = dataclasses.replace(config, triplets=triplets)
    features = make_synthetic_features(config.task)
    load_libraries()
    for split, shards in make_plan(photographs, config).items():
        for number, shard in enumerate(shards):
            write_shard(
                Shard(
                    path=f"{folder}/{split}-{number}.tfrecord",
                    file_format="tfrecord",
                    features=features,
                    photographs=tuple(photograph for photograph, _ in shard),
                    indices=tuple(indices for _, indices in shard),
                    config=config,
                )
            )


def _synthesize(config, workers, triplets, folder):
    flags = []
    if workers > 1:
        flags = [
            "--direct_running_mode=multi_processing",
            f"--direct_num_workers={workers}",
        ]
    config = dataclasses.replace(
        config, triplets=triplets, output=f"{folder}/data"
    )
    synthesize(config, PipelineOptions(flags))


if __name__ == "__main__":
    main()
