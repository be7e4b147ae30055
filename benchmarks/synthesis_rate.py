"""Triplets per second: distortions alone, with their records, and with Beam.

    python -m benchmarks.synthesis_rate --photos DIR --workers 1 2 --bank BANK

Each step is done with few and with many triplets; the rate is that of the
difference, so starting (imports, worker processes, the survey of the
photographs) is told apart. Wall-clock time: the machine must be free.
`pipelines/synthesis/README.md` has the numbers.
"""

import argparse
import tempfile
import time
from functools import partial
from pathlib import Path

import cv2
from apache_beam.options.pipeline_options import PipelineOptions
from etils import epath

from pipelines.photographs.reading import read_photograph
from pipelines.photographs.survey import find_photographs, survey
from pipelines.synthesis.catalog import Catalog
from pipelines.synthesis.planning import plan
from pipelines.synthesis.recipe import Style, draw_recipe
from pipelines.synthesis.shards import Shard, features_of
from pipelines.synthesis.synthesis import Order, synthesize

# Few and many triplets of each family.
TRIPLETS = {
    "traditional": (1024, 11264),
    "algorithms": (256, 4096),
    "cnn": (256, 4096),
}
STYLE = Style("2afc", 0.2, 64, 0)


def main() -> None:
    """Measures the families and prints a table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photos", required=True)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--bank", default="", help="networks; adds cnn")
    arguments = parser.parse_args()
    # As in the shards: the cores are the workers'.
    cv2.setNumThreads(0)
    print("| family | what | triplets/s | per core | start, s |")
    print("|---|---|---|---|---|")
    for family in TRIPLETS:
        if family == "cnn" and not arguments.bank:
            continue
        bank = arguments.bank if family == "cnn" else ""
        catalog = Catalog((family,), bank)
        with tempfile.TemporaryDirectory() as folder:
            found = survey(
                find_photographs(arguments.photos), 64, epath.Path(folder)
            )
        alone, records = (
            partial(step, catalog, found.usable) for step in (_distort, _write)
        )
        _print(family, "distortions alone", alone)
        _print(family, "and records, without Beam", records)
        for workers in arguments.workers:
            run = partial(_synthesize, catalog, arguments.photos, workers)
            _print(family, f"the command, {workers} workers", run, workers)


def _print(family, what, run, cores=1):
    seconds = []
    for triplets in TRIPLETS[family]:
        with tempfile.TemporaryDirectory() as folder:
            run(1, folder)  # Loads everything once.
        with tempfile.TemporaryDirectory() as folder:
            start = time.perf_counter()
            run(triplets, folder)
            seconds.append(time.perf_counter() - start)
    few, many = TRIPLETS[family]
    rate = (many - few) / (seconds[1] - seconds[0])
    begin = max(0.0, seconds[0] - few / rate)
    numbers = f"{rate:.0f} | {rate / cores:.0f} | {begin:.1f}"
    print(f"| {family} | {what} | {numbers} |", flush=True)


def _distort(catalog, photographs, triplets, folder):
    for shards in plan(photographs, triplets, catalog, 0.2).values():
        for shard in shards:
            for photograph, indices in shard:
                pixels = read_photograph(Path(photograph.path).read_bytes())
                for index in indices:
                    draw_recipe(photograph.digest, index, catalog, STYLE).cook(
                        pixels
                    )


def _write(catalog, photographs, triplets, folder):
    features = features_of("2afc")
    Shard.prepare()
    for split, shards in plan(photographs, triplets, catalog, 0.2).items():
        for number, shard in enumerate(shards):
            Shard(
                path=f"{folder}/{split}-{number}.tfrecord",
                file_format="tfrecord",
                features=features,
                photographs=tuple(photograph for photograph, _ in shard),
                indices=tuple(indices for _, indices in shard),
                catalog=catalog,
                style=STYLE,
                judge="none",
            ).perform()


def _synthesize(catalog, photos, workers, triplets, folder):
    flags = []
    if workers > 1:
        flags = [
            "--direct_running_mode=multi_processing",
            f"--direct_num_workers={workers}",
        ]
    synthesize(
        Order(
            photos=photos,
            videos="",
            triplets=triplets,
            catalog=catalog,
            style=STYLE,
            judge="none",
            val_share=0.2,
        ),
        f"{folder}/data",
        PipelineOptions(flags),
    )


if __name__ == "__main__":
    main()
