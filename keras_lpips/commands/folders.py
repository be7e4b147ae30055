"""`keras-lpips folders`: two folders of images, compared name by name."""

import hashlib
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

# Pixels of either side in a batch: 64 images of 64 x 64, or one of 512 x 512.
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
    """Compares the folders; 1 if more pairs are bad than tolerated.

    Writes the CSV, sorted by name, and its settings beside it as `.json`. A
    run that was stopped goes on with the same command.
    """
    from keras_lpips.journal import Journal
    from keras_lpips.output import write_csv, write_json
    from keras_lpips.provenance import describe

    check_output(arguments.output)
    pairs = _pairs(arguments.references, arguments.distorted)
    settings = {
        **describe(arguments.net, arguments.version, arguments.calibrated),
        "references": str(arguments.references),
        "distorted": str(arguments.distorted),
        "resize": arguments.resize and list(arguments.resize),
        "files": _fingerprint(pairs),
    }
    journal = Journal(arguments.output, settings)
    distances = dict(journal.rows())
    if distances:
        print(f"Going on after {len(distances)} pairs", file=sys.stderr)
    bad = {}
    batches = _batches(pairs, arguments.resize, bad)
    with journal.writing() as note:
        _compare(batches, arguments, distances, bad, note)
    for name, reason in sorted(bad.items()):
        print(f"keras-lpips: {name}: {reason}", file=sys.stderr)
    rows = [(name, f"{d:.9g}") for name, d in sorted(distances.items())]
    mean = sum(distances.values()) / len(rows) if rows else None
    result = {**settings, "pairs": len(rows), "bad": bad, "mean": mean}
    if len(bad) > arguments.tolerate:
        print(
            f"keras-lpips: {len(bad)} of {len(pairs)} pairs cannot be "
            f"compared, and --tolerate allows {arguments.tolerate}; "
            f"{arguments.output} was not written, the {len(rows)} others are "
            "kept for the next run",
            file=sys.stderr,
        )
        return 1
    write_csv(arguments.output, ("name", "distance"), rows)
    write_json(arguments.output.with_suffix(".json"), result)
    journal.remove()
    if rows:
        print(f"{mean:.6f}  mean of {len(rows)} pairs ({arguments.output})")
    return 0


def _pairs(references, distorted):
    from keras_lpips.images import list_images

    first = {path.name: path for path in list_images(references)}
    second = {path.name: path for path in list_images(distorted)}
    names = sorted(first.keys() & second.keys())
    if not names:
        raise ImageError(
            f"{references} and {distorted} have no image name in common"
        )
    alone = len(first.keys() ^ second.keys())
    if alone:
        print(f"{alone} images are in one folder only", file=sys.stderr)
    return {name: (first[name], second[name]) for name in names}


def _fingerprint(pairs):
    """Changes with the names, sizes and times of the files."""
    digest = hashlib.sha256()
    for name, paths in pairs.items():
        stats = [path.stat() for path in paths]
        state = [(stat.st_size, stat.st_mtime_ns) for stat in stats]
        digest.update(f"{name} {state}\n".encode())
    return digest.hexdigest()


def _batches(pairs, resize, bad):
    """Groups pairs by size, from the files' heads alone."""
    from keras_lpips.images import read_size

    by_size = {}
    for name, (reference, _) in pairs.items():
        try:
            size = resize or read_size(reference)
        except ImageError as error:
            bad[name] = str(error)
            continue
        by_size.setdefault(size, []).append(name)
    batches = []
    for (height, width), names in sorted(by_size.items()):
        count = max(1, BATCH_PIXELS // (height * width))
        chunks = range(0, len(names), count)
        batches += [
            {name: pairs[name] for name in names[i : i + count]} for i in chunks
        ]
    return batches


def _compare(batches, arguments, distances, bad, note):
    """Fills `distances` and `bad`, and notes each finished batch."""
    from tqdm import tqdm

    from keras_lpips.scorer import scorer

    score = scorer(arguments.net, arguments.version, arguments.calibrated)
    total = sum(len(batch) for batch in batches)
    rest = [batch for batch in batches if not batch.keys() <= distances.keys()]
    initial = total - sum(len(batch) for batch in rest)
    # The next batch is decoded while this one is compared.
    with (
        ThreadPoolExecutor(1) as reader,
        tqdm(total=total, initial=initial, unit="pair", disable=None) as bar,
    ):
        coming = None
        for i, batch in enumerate(rest):
            task = coming or reader.submit(_load, batch, arguments.resize)
            if i + 1 < len(rest):
                coming = reader.submit(_load, rest[i + 1], arguments.resize)
            images, failed = task.result()
            bad |= failed
            rows = _score(score, images, bad)
            note(rows)
            distances |= dict(rows)
            bar.update(len(batch))


def _load(batch, resize):
    from keras_lpips.images import load_pair

    images, failed = {}, {}
    for name, paths in batch.items():
        try:
            images[name] = load_pair(*paths, resize)
        except ImageError as error:
            failed[name] = str(error)
    return images, failed


def _score(score, images, bad):
    import numpy as np

    if not images:
        return []
    references, distorted = zip(*images.values(), strict=True)
    try:
        distances = score.distance(np.stack(references), np.stack(distorted))
    except ImageError as error:
        bad |= dict.fromkeys(images, str(error))
        return []
    return list(zip(images, distances.tolist(), strict=True))
