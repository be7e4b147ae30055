r"""Measures the steps of scoring, and the pipeline's and the model's rate.

    python -m benchmarks.inputs.fake_pairs PAIRS --photos DIR --pairs 1800 \
        --size 256
    python -m benchmarks.score_rate PAIRS/pairs.csv [--net vgg] [--threads 1]
    python -m benchmarks.score_rate PAIRS/pairs.csv --processes 2

Prints milliseconds per pair for each step alone, then pairs per second of the
bare model on decoded batches in memory and of the pipeline in this process,
from the end of its first shard to the end of its last, in turn. With
--processes, each process has one core and by default one TensorFlow thread. All
processes start each turn together, and their rates are summed.

`docs/speed.md` has the numbers.
"""

import argparse
import itertools
import multiprocessing
import os
import statistics
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import get_args

from keras_lpips.inference.scorer import get_scorer
from keras_lpips_cli.options import Net
from pipelines.image_io.decoding import decode
from pipelines.scoring.batching import read_batches
from pipelines.scoring.config import BATCH_PIXELS, ScoringConfig
from pipelines.scoring.job import score
from pipelines.scoring.model import Model
from pipelines.scoring.pairs import read_pairs
from pipelines.scoring.planning import make_plan

SHARDS = 3
ROUNDS = 2


def main() -> None:
    """Measures a list of pairs."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pairs", help="a list, as for pipelines.score")
    parser.add_argument("--net", choices=get_args(Net), default="alex")
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--batch-pixels", type=int, default=BATCH_PIXELS)
    parser.add_argument("--processes", type=int, default=0)
    arguments = parser.parse_args()
    cores = sorted(os.sched_getaffinity(0))
    if not 0 <= arguments.processes <= len(cores):
        parser.error(f"there are {len(cores)} cores for --processes")
    if arguments.processes:
        turns = _turns_of_processes(arguments, cores[: arguments.processes])
    else:
        turns = _turns(arguments, with_steps=True)
    for name, rates in zip(
        ("bare model", "pipeline"), zip(*turns, strict=True), strict=True
    ):
        print(f"{name + ':':11} {statistics.median(rates):.1f} pairs/s")
    share = statistics.median(whole / alone for alone, whole in turns)
    print(f"{'share:':11} {100 * share:.1f} %")


def _turns(arguments, with_steps=False, wait=lambda: None):
    """Returns the rates of the bare model and of the pipeline per turn."""
    model = Model(_config(arguments, shard_pairs=1 << 30))
    (span,) = make_plan(model.config).spans
    if with_steps:
        steps(span, model)
    batches = _some_batches(span, model)
    turns = []
    for _ in range(ROUNDS):
        wait()
        alone = bare_rate(model, batches)
        wait()
        turns.append((alone, pipeline_rate(arguments, span.count)))
    return turns


def _turns_of_processes(arguments, cores):
    """Returns the sums of the processes' rates per turn."""
    arguments.threads = arguments.threads or 1
    spawn = multiprocessing.get_context("spawn")
    barrier = spawn.Barrier(len(cores))
    with ProcessPoolExecutor(
        len(cores), spawn, _share_barrier, (barrier,)
    ) as processes:
        turns = processes.map(_pinned, [arguments] * len(cores), cores)
        return [
            tuple(map(sum, zip(*turn, strict=True)))
            for turn in zip(*turns, strict=True)
        ]


def _share_barrier(barrier):
    _pinned.barrier = barrier


def _pinned(arguments, core):
    """Returns the turns of one process, synchronized with the others."""
    os.sched_setaffinity(0, {core})
    try:
        return _turns(arguments, wait=_pinned.barrier.wait)
    except BaseException:
        # Otherwise the other processes would wait forever.
        _pinned.barrier.abort()
        raise


def steps(span, model) -> None:
    """Prints the time per pair of each step alone."""
    count = min(span.count, 200)
    entries = list(itertools.islice(read_pairs(span), count))
    files = _timed("read", count, lambda: [x.read() for x in entries])
    _timed(
        "decode",
        count,
        lambda: [[decode(y, "") for y in x] for x in files],
    )

    def batches():
        return list(
            read_batches(entries, model.config, model.smallest_size, {})
        )

    made = _timed("read, decode and batch", count, batches)
    _timed("model", count, lambda: [model.score(x) for x in made])
    layer = get_scorer(model.config.net)
    _timed(
        "keras_lpips.inference.scorer",
        count,
        lambda: [layer.distance(*x.images) for x in made],
    )


def bare_rate(model, batches, seconds: float = 8.0) -> float:
    """Returns pairs per second of the model on batches in memory."""
    start = time.perf_counter()
    done = 0
    for batch in itertools.cycle(batches):
        model.score(batch)
        done += len(batch.positions)
        if time.perf_counter() - start > seconds:
            return done / (time.perf_counter() - start)


def pipeline_rate(arguments, count) -> float:
    """Returns pairs per second of the pipeline after its start."""
    shard_pairs = -(-count // SHARDS)
    with tempfile.TemporaryDirectory() as folder:
        score(_config(arguments, shard_pairs, f"{folder}/scores"))
        ends = sorted(
            path.stat().st_mtime
            for path in Path(folder, "scores").glob("report-*")
        )
    return shard_pairs * (len(ends) - 1) / (ends[-1] - ends[0])


def _config(arguments, shard_pairs, output=""):
    return ScoringConfig(
        pairs=arguments.pairs,
        output=output,
        net=arguments.net,
        threads=arguments.threads,
        batch_pixels=arguments.batch_pixels,
        shard_pairs=shard_pairs,
    )


def _some_batches(span, model):
    entries = itertools.islice(read_pairs(span), 256)
    return list(read_batches(entries, model.config, model.smallest_size, {}))


def _timed(name, count, step):
    step()
    start = time.perf_counter()
    result = step()
    taken = time.perf_counter() - start
    print(f"{name + ':':24} {1000 * taken / count:7.3f} ms")
    return result


if __name__ == "__main__":
    main()
