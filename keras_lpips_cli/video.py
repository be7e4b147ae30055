"""`keras-lpips video`: two videos, compared frame by frame."""

import sys
from pathlib import Path

from keras_lpips_cli.options import (
    add_net_options,
    add_output_option,
    add_resize_option,
    check_output,
)


def add_parser(subparsers) -> None:
    """Adds the subcommand."""
    parser = subparsers.add_parser(
        "video", help="distances of two videos, frame by frame"
    )
    parser.add_argument("reference", metavar="A", type=Path)
    parser.add_argument("distorted", metavar="B", type=Path)
    add_output_option(
        parser,
        "CSV of frame, seconds into A and distance; a .json of mean, worst "
        "frame and settings and a .png of the curve are written beside it",
    )
    add_net_options(parser)
    add_resize_option(parser)


def run(arguments) -> None:
    """Compares the videos to the end of the shorter.

    Frame rates and lengths that differ are said, here and in the `.json`, and
    do not change the exit status: it is 0 once all frames that both have are
    compared. A run that was stopped goes on with the same command.
    """
    from keras_lpips.atomic_files import replacing_all, write_csv, write_json
    from keras_lpips.images.video_reader import Video, check_videos, mismatches
    from keras_lpips.inference.provenance import describe
    from keras_lpips.inference.scorer import scorer
    from keras_lpips_cli.plots import write_curve
    from keras_lpips_cli.resume_log import ResumeLog

    output, resize = arguments.output, arguments.resize
    inputs = (arguments.reference, arguments.distorted)
    check_output(output, (".csv",), inputs=inputs)
    picture, beside = output.with_suffix(".png"), output.with_suffix(".json")
    videos = [Video(path) for path in inputs]
    check_videos(*videos, resize)
    net = (arguments.net, arguments.version, arguments.calibrated)
    settings = {**describe(*net), "resize": resize and list(resize)}
    journal = ResumeLog(output)
    distances = _compare(videos, scorer(*net), resize, journal, settings)
    for video in videos:
        video.close()
    differences = mismatches(*videos)
    for sentence in differences:
        print(sentence, file=sys.stderr)
    rate = videos[0].rate
    seconds = [i / rate if rate else None for i in range(len(distances))]
    mean = sum(distances) / len(distances)
    worst = max(range(len(distances)), key=distances.__getitem__)
    rows = [
        (i, "" if time is None else f"{time:.6f}", f"{distance:.9g}")
        for i, (time, distance) in enumerate(
            zip(seconds, distances, strict=True)
        )
    ]
    result = {
        "reference": videos[0].describe(),
        "distorted": videos[1].describe(),
        **settings,
        "mismatches": differences,
        "frames": len(distances),
        "mean": mean,
        "worst": {
            "frame": worst,
            "seconds": seconds[worst],
            "distance": distances[worst],
        },
    }
    with replacing_all(output, beside, picture) as partials:
        write_csv(partials[0], ("frame", "seconds", "distance"), rows)
        write_json(partials[1], result)
        label = f"LPIPS {arguments.net}"
        write_curve(partials[2], distances, label, "frame", "linear")
    journal.remove()
    print(
        f"{mean:.6f}  mean of {len(distances)} frames; worst "
        f"{distances[worst]:.6f} at frame {worst} ({output})"
    )


def _compare(videos, score, resize, journal, settings):
    """Returns one distance per frame; see `compare_videos`.

    Batches, not frames, are taken from an earlier run, as in `folders`.
    """
    from tqdm import tqdm

    from keras_lpips.inference.video import compare_videos, frames_per_batch
    from keras_lpips_cli.resume_log import fingerprint
    from keras_lpips_cli.signals import interruptible

    size = frames_per_batch(resize or videos[0].size)
    paths = [video.path for video in videos]
    prefix = fingerprint(paths, {**settings, "batch": size})
    finished, distances, batch = journal.values(), [], 0
    while (done := finished.get(f"{prefix} {batch}")) is not None:
        distances += done
        batch += 1
    for video in videos:
        video.skip(len(distances))
    if distances:
        print(
            f"Resuming: {len(distances)} frames already scored",
            file=sys.stderr,
        )
    declared = [video.declared for video in videos if video.declared]
    with (
        journal.writing() as record,
        tqdm(
            total=min(declared, default=None),
            initial=len(distances),
            unit="frame",
            disable=None,
        ) as bar,
    ):
        scored = compare_videos(videos, score, resize)
        for i, found in enumerate(interruptible(scored), batch):
            record(f"{prefix} {i}", found)
            distances += found
            bar.update(len(found))
    return distances
