"""`keras-lpips video`: compares two videos frame by frame."""

import sys
from dataclasses import dataclass
from pathlib import Path

from tyro.conf import Positional

from keras_lpips_cli.options import MetricConfig, check_output


@dataclass(frozen=True, kw_only=True)
class VideoConfig(MetricConfig):
    """Computes the distances of two videos, frame by frame.

    Compares up to the end of the shorter video. Frame rates and lengths that
    differ are reported, and do not change the exit status. After an
    interruption, the same command resumes.
    """

    reference: Positional[Path]
    """The reference video."""
    distorted: Positional[Path]
    """The distorted video."""
    output: Path
    """CSV of frame, seconds and distance; a .json and a .png go beside it."""


def compare_two_videos(config: VideoConfig) -> None:
    """Writes the CSV, the `.json` and the `.png`."""
    from keras_lpips.atomic_files import atomic_paths, write_csv, write_json
    from keras_lpips.images.video_reader import Video, check_videos, mismatches
    from keras_lpips.inference.scorer import get_scorer
    from keras_lpips_cli.plots import write_curve
    from keras_lpips_cli.resume_log import ResumeLog

    output, resize = config.output, config.resize
    inputs = (config.reference, config.distorted)
    check_output(output, (".csv",), inputs=inputs)
    videos = Video(config.reference), Video(config.distorted)
    check_videos(*videos, resize)
    settings = config.describe()
    log = ResumeLog(output)
    distances = _score_or_resume(
        videos, get_scorer(*config.layer), resize, log, settings
    )
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
    with atomic_paths(
        output, output.with_suffix(".json"), output.with_suffix(".png")
    ) as partials:
        write_csv(partials[0], ("frame", "seconds", "distance"), rows)
        write_json(partials[1], result)
        label = f"LPIPS {config.net}"
        write_curve(partials[2], distances, label, "frame", "linear")
    log.remove()
    print(
        f"{mean:.6f}  mean of {len(distances)} frames; worst "
        f"{distances[worst]:.6f} at frame {worst} ({output})"
    )


def _score_or_resume(videos, scorer, resize, log, settings):
    """Returns one distance per frame; see `compare_videos`.

    Whole batches are taken from an earlier run, as in `folders`.
    """
    from tqdm import tqdm

    from keras_lpips.inference.video import compare_videos, frames_per_batch
    from keras_lpips_cli.resume_log import fingerprint
    from keras_lpips_cli.signals import interruptible

    size = frames_per_batch(resize or videos[0].size)
    paths = [video.path for video in videos]
    prefix = fingerprint(paths, {**settings, "batch": size})
    finished, distances, batch = log.values(), [], 0
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
    declared = [
        video.declared_frames for video in videos if video.declared_frames
    ]
    with (
        log.writing() as record,
        tqdm(
            total=min(declared, default=None),
            initial=len(distances),
            unit="frame",
            disable=None,
        ) as bar,
    ):
        scored = compare_videos(videos, scorer, resize)
        for i, found in enumerate(interruptible(scored), batch):
            record(f"{prefix} {i}", found)
            distances += found
            bar.update(len(found))
    return distances
