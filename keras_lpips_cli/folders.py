"""`keras-lpips folders`: two folders of images, compared name by name."""

import sys
from pathlib import Path

from keras_lpips_cli.options import (
    add_net_options,
    add_output_option,
    add_resize_option,
    check_output,
    count,
)


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
        type=count,
        default=0,
        metavar="N",
        help="succeed with up to N pairs that cannot be compared (default: 0)",
    )


def run(arguments) -> int:
    """Compares the folders; 1 if more pairs are bad than tolerated.

    Writes the CSV, sorted by name, and its settings beside it as `.json`. A
    run that was stopped goes on with the same command.
    """
    from keras_lpips.atomic_files import replacing_all, write_csv, write_json
    from keras_lpips.inference.folder import batch_by_size, match_names
    from keras_lpips.inference.provenance import describe
    from keras_lpips.inference.scorer import scorer
    from keras_lpips_cli.resume_log import ResumeLog

    output, resize = arguments.output, arguments.resize
    check_output(output, (".csv",))
    pairs, unmatched = match_names(arguments.references, arguments.distorted)
    for folder, names in unmatched.items():
        if names:
            print(
                f"Images in {folder} only, left out: {len(names)} "
                f"({names[0]}{', ...' if len(names) > 1 else ''})",
                file=sys.stderr,
            )
    net = (arguments.net, arguments.version, arguments.calibrated)
    settings = {**describe(*net), "resize": resize and list(resize)}
    journal = ResumeLog(output)
    batches, faults = batch_by_size(pairs, resize)
    distances, failed = _compare(
        batches, scorer(*net), resize, journal, settings
    )
    faults |= failed
    for name, fault in sorted(faults.items()):
        print(f"keras-lpips: {name}: {fault}", file=sys.stderr)
    if len(faults) > arguments.tolerate or not distances:
        print(
            f"keras-lpips: {len(faults)} of {len(pairs)} pairs cannot be "
            f"compared, and --tolerate allows {arguments.tolerate}; {output} "
            "was not written",
            file=sys.stderr,
        )
        return 1
    rows = sorted(distances.items())
    mean = sum(distance for _, distance in rows) / len(rows)
    with replacing_all(output, output.with_suffix(".json")) as partials:
        write_csv(
            partials[0],
            ("name", "distance"),
            [(name, f"{distance:.9g}") for name, distance in rows],
        )
        result = {
            "references": str(arguments.references),
            "distorted": str(arguments.distorted),
            **settings,
            "pairs": len(rows),
            "bad": faults,
            "mean": mean,
        }
        write_json(partials[1], result)
    journal.remove()
    print(f"{mean:.6f}  mean of {len(rows)} pairs ({output})")
    return 0


def _compare(batches, score, resize, journal, settings):
    """Returns distances and error messages by name; see `score_batches`.

    Batches, not pairs, are taken from an earlier run: each is then the same
    batch as without a stop, and so are the last digits of its distances.
    """
    from tqdm import tqdm

    from keras_lpips.inference.folder import score_batches
    from keras_lpips_cli.resume_log import fingerprint
    from keras_lpips_cli.signals import interruptible

    distances, errors, finished = {}, {}, journal.values()
    rest = []
    for batch in batches:
        files = [path for pair in batch.values() for path in pair]
        key = fingerprint(files, settings)
        if key in finished:
            distances |= finished[key]
        else:
            rest.append((key, batch))
    if distances:
        print(
            f"Resuming: {len(distances)} pairs already scored", file=sys.stderr
        )
    total = sum(map(len, batches))
    with (
        journal.writing() as record,
        tqdm(
            total=total, initial=len(distances), unit="pair", disable=None
        ) as bar,
    ):
        scored = score_batches([batch for _, batch in rest], score, resize)
        for (key, batch), (found, failed) in zip(
            rest, interruptible(scored), strict=True
        ):
            if not failed:
                record(key, found)
            distances |= found
            errors |= failed
            bar.update(len(batch))
    return distances, errors
