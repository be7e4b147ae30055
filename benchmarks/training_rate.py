"""Measures the calibration of the heads against `lpips`'s own trainer.

    python -m benchmarks.training_rate --output benchmarks/results

runs in the environment of `make parity` and writes `training_rate.json`. All
use one batch of 50 triplets of 64 pixels in memory. Each call ends when its
loss or its vectors are computed. Takes two minutes on two idle cores.
"""

import argparse
import json
from pathlib import Path
from typing import get_args

import keras
import numpy as np
import tensorflow as tf

from benchmarks.implementations.names import EAGER, start
from benchmarks.measurement.interleaving import interleave, time_once
from benchmarks.measurement.machine import describe_machine
from keras_lpips_cli.options import Net
from training.model.optimizer import (
    BASE_EPOCHS,
    DECAY_EPOCHS,
    make_optimizer,
    training_step,
)
from training.model.triplet_model import TripletModel
from training.recipes import GLOBAL_BATCH_SIZE, find_recipe

NETS = get_args(Net)
SIZE = 64
# Steps per timed call on vectors; a single step is too short.
STEPS_ON_VECTORS = 50
EPOCHS = BASE_EPOCHS + DECAY_EPOCHS

REFERENCE = "reference"
WITHOUT_IMAGE_GRADIENT = "reference, no gradient of the images"
LIN, VECTORS, ON_VECTORS = "lin", "lin-fast, vectors", "lin-fast, steps"


def main(argv=None) -> None:
    """Measures what the arguments name; see the module."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--nets", nargs="+", choices=NETS, default=["alex"])
    parser.add_argument(
        "--seconds", type=float, default=20.0, help="for each net"
    )
    arguments = parser.parse_args(argv)
    arguments.output.mkdir(parents=True, exist_ok=True)
    results = {
        "machine": describe_machine(),
        "batch": GLOBAL_BATCH_SIZE,
    }
    for net in arguments.nets:
        keras.utils.set_random_seed(0)
        triplets = draw_triplets()
        ours = our_steps(net, triplets)
        with start(EAGER) as theirs:
            for name in (REFERENCE, WITHOUT_IMAGE_GRADIENT):
                skip_image_gradient = name == WITHOUT_IMAGE_GRADIENT
                theirs.call(
                    "prepare_training", name, net, triplets, skip_image_gradient
                )

            def take(name, ours=ours, theirs=theirs):
                if name in ours:
                    return time_once(ours[name])
                return theirs.call("turn", name)

            names = (REFERENCE, WITHOUT_IMAGE_GRADIENT, *ours)
            taken = interleave(
                {name: name for name in names}, arguments.seconds, take
            )
        results[net] = summarize(taken)
        print(json.dumps({net: results[net]}, indent=1))
    path = arguments.output / "training_rate.json"
    path.write_text(json.dumps(results, indent=1) + "\n")


def draw_triplets() -> dict[str, np.ndarray]:
    """Returns uint8 noise by role and float32 judges, one batch."""
    rng = np.random.default_rng(0)
    shape = (GLOBAL_BATCH_SIZE, SIZE, SIZE, 3)
    images = {
        role: rng.integers(0, 256, shape, np.uint8)
        for role in ("ref", "p0", "p1")
    }
    judge = rng.choice(np.float32([0, 0.5, 1]), GLOBAL_BATCH_SIZE)
    return {**images, "judge": judge}


def our_steps(net: str, triplets) -> dict:
    """Returns our lin step and both parts of lin-fast, by name."""
    batch = {
        **{name: tf.constant(array) for name, array in triplets.items()},
        "weight": tf.fill([GLOBAL_BATCH_SIZE], 1 / GLOBAL_BATCH_SIZE),
        "row": tf.range(GLOBAL_BATCH_SIZE, dtype=tf.int64),
    }
    lin = _step(net, "lin")
    fast_model = TripletModel(find_recipe(f"{net}/lin-fast"), seed=0)
    vectors = tf.function(fast_model.pair_vectors)
    first, second = vectors(batch)
    on_vectors = {
        **{name: batch[name] for name in ("judge", "weight", "row")},
        "vector0": first,
        "vector1": second,
    }
    fast = _step(net, "lin-fast")
    number = tf.constant(7, tf.int64)

    def steps():
        for _ in range(STEPS_ON_VECTORS):
            float(fast(on_vectors, number))

    return {
        LIN: lambda: float(lin(batch, number)),
        VECTORS: lambda: [x.numpy() for x in vectors(batch)],
        ON_VECTORS: steps,
    }


def _step(net, kind):
    model = TripletModel(find_recipe(f"{net}/{kind}"), seed=0)
    optimizer = make_optimizer()
    optimizer.build(model.trainable_variables)
    return tf.function(training_step(model, optimizer))


def summarize(taken: dict) -> dict:
    """Returns rates and ratios, from the median milliseconds of a call."""
    batch = {name: one["median_ms"] for name, one in taken.items()}
    batch[ON_VECTORS] /= STEPS_ON_VECTORS
    whole = batch[VECTORS] + EPOCHS * batch[ON_VECTORS]
    return {
        "calls": taken,
        "triplets_per_second": {
            name: 1e3 * GLOBAL_BATCH_SIZE / ms for name, ms in batch.items()
        },
        "lin": {
            f"times {name}": batch[name] / batch[LIN]
            for name in (REFERENCE, WITHOUT_IMAGE_GRADIENT)
        },
        f"lin-fast, {EPOCHS} epochs": {
            f"times {name}": EPOCHS * batch[name] / whole
            for name in (REFERENCE, WITHOUT_IMAGE_GRADIENT)
        },
    }


if __name__ == "__main__":
    main()
