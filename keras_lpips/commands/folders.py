"""`keras-lpips folders`: two folders of images, compared name by name."""

import csv
import itertools
import json
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from keras_lpips.commands.options import (
    add_net_options,
    add_output_option,
    add_resize_option,
    check_output,
)
from keras_lpips.image_checks import ImageError

# Pixels in a batch of either side: 64 images of 64 pixels square, or one of
# 512, near which the rate stops growing.
BATCH_PIXELS = 64 * 64 * 64


def add_parser(subparsers) -> None:
    """Adds the subcommand."""
    parser = subparsers.add_parser(
        "folders", help="distances of the images whose names are in both"
    )
    parser.add_argument("references", metavar="DIR0", type=Path)
    parser.add_argument("distorted", metavar="DIR1", type=Path)
    add_output_option(parser, "CSV of name and distance")
    add_net_options(parser)
    add_resize_option(parser)
    parser.add_argument(
        "--tolerate",
        type=int,
        default=0,
        metavar="N",
        help="succeed with up to N pairs that cannot be compared (default: 0)",
    )


def run(arguments) -> int:
    """Compares the folders; 1 if more pairs are bad than tolerated."""
    from tqdm import tqdm

    from keras_lpips.output import Journal, replacing
    from keras_lpips.provenance import describe
    from keras_lpips.scorer import scorer

    check_output(arguments.output)
    names = _names_in_both(arguments.references, arguments.distorted)
    settings = (arguments.net, arguments.version, arguments.calibrated)
    run_settings = {
        **describe(*settings),
        "references": str(arguments.references),
        "distorted": str(arguments.distorted),
        "resize": arguments.resize and list(arguments.resize),
    }
    pairs = {
        name: (arguments.references / name, arguments.distorted / name)
        for name in names
    }
    journal = Journal(
        arguments.output, {**run_settings, "files": _fingerprint(pairs)}
    )
    bad = {}
    batches = list(_batches(pairs, arguments.resize, bad))
    score = scorer(*settings)
    done = dict(itertools.chain(*(rows for rows in journal.read())))
    if done:
        print(f"Going on after {len(done)} pairs", file=sys.stderr)
    with (
        journal.writing() as note,
        ThreadPoolExecutor(1) as reader,
        tqdm(
            total=len(pairs), initial=len(done), unit="pair", disable=None
        ) as progress,
    ):
        rest = [batch for batch in batches if not set(batch) <= set(done)]
        loaded = [
            reader.submit(_load, batch, pairs, arguments.resize)
            for batch in rest[:1]
        ]
        for i in range(len(rest)):
            good, failed = loaded.pop().result()
            if i + 1 < len(rest):
                # The next batch is decoded while this one is compared.
                loaded.append(
                    reader.submit(_load, rest[i + 1], pairs, arguments.resize)
                )
            bad |= failed
            rows = _score(score, good, bad)
            note(rows)
            done |= dict(rows)
            progress.update(len(rest[i]))
    return 0
