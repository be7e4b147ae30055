"""`keras-lpips folders`: compares two folders of images by file name."""

import sys
from dataclasses import dataclass
from pathlib import Path

from tyro.conf import Positional

from keras_lpips_cli.errors import UserError
from keras_lpips_cli.options import (
    MetricConfig,
    NonNegativeInt,
    check_output,
    warn_skipped,
)

# The folders' keys in the `.json`.
ROLES = ("references", "distorted")


@dataclass(frozen=True, kw_only=True)
class FoldersConfig(MetricConfig):
    """Computes the distances of images that have the same name.

    The suffix may differ.

    After an interruption, the same command resumes.
    """

    references: Positional[Path]
    """Folder of the references."""
    distorted: Positional[Path]
    """Folder of the distorted images."""
    output: Path
    """CSV of name and distance; a .json of mean and settings goes beside it."""
    mask: Path | None = None
    """Compare inside of this mask only, or a folder of masks by name."""
    tolerate: NonNegativeInt = 0
    """Succeed with up to this many pairs that cannot be compared."""

    def __post_init__(self):
        """Validates combinations of flags."""
        super().__post_init__()
        if self.mask:
            self.require_lpips("--mask")


def compare_folders(config: FoldersConfig) -> None:
    """Writes the CSV, sorted by name, and the `.json`.

    Raises:
        UserError: if more pairs cannot be compared than tolerated.
    """
    from keras_lpips.atomic_files import atomic_paths, write_csv, write_json
    from keras_lpips.inference.folder import (
        add_masks,
        batch_by_size,
        match_folders,
    )
    from keras_lpips.inference.scorer import get_scorer
    from keras_lpips_cli.resume_log import ResumeLog

    output, resize = config.output, config.resize
    check_output(output, (".csv",))
    matches = match_folders(config.references, config.distorted)
    pairs = matches.pairs
    folders = (config.references, config.distorted)
    for i, folder in enumerate(folders):
        warn_skipped(f"Images in {folder} only", matches.unmatched[i])
        # One folder may be both.
        if folder not in folders[:i]:
            warn_skipped(f"Not images in {folder}", matches.skipped[i])
    settings = config.describe()
    log = ResumeLog(output)
    missing: dict[str, str] = {}
    masked = pairs
    if config.mask:
        masked, missing = add_masks(pairs, config.mask)
    batches, errors = batch_by_size(masked, resize)
    errors |= missing
    distances, failed = _score_or_resume(
        batches, get_scorer(*config.layer), resize, log, settings
    )
    errors |= failed
    for name, error in sorted(errors.items()):
        print(f"keras-lpips: {name}: {error}", file=sys.stderr)
    if len(errors) > config.tolerate or not distances:
        raise UserError(
            f"{len(errors)} of {len(pairs)} pairs cannot be compared, and "
            f"--tolerate allows {config.tolerate}; {output} was not written"
        )
    rows = sorted(distances.items())
    mean = sum(distance for _, distance in rows) / len(rows)
    with atomic_paths(output, output.with_suffix(".json")) as partials:
        write_csv(
            partials[0],
            ("name", "distance"),
            [(name, f"{distance:.9g}") for name, distance in rows],
        )
        result = {
            "references": str(config.references),
            "distorted": str(config.distorted),
            **({"mask": str(config.mask)} if config.mask else {}),
            **settings,
            "pairs": len(rows),
            "failed": errors,
            "matched": {
                name: distorted.name
                for name, (_, distorted) in pairs.items()
                if name != distorted.name
            },
            "unmatched": dict(zip(ROLES, matches.unmatched, strict=True)),
            "skipped": dict(zip(ROLES, matches.skipped, strict=True)),
            "mean": mean,
        }
        write_json(partials[1], result)
    log.remove()
    print(f"{mean:.6f}  mean of {len(rows)} pairs ({output})")


def _score_or_resume(batches, scorer, resize, log, settings):
    """Returns distances and error messages by name; see `score_batches`.

    Whole batches are taken from an earlier run, never single pairs: the last
    digits of a distance depend on its batch.
    """
    from tqdm import tqdm

    from keras_lpips.inference.folder import score_batches
    from keras_lpips_cli.resume_log import fingerprint
    from keras_lpips_cli.signals import interruptible

    distances, errors, finished = {}, {}, log.values()
    remaining = []
    for batch in batches:
        files = [path for pair in batch.values() for path in pair]
        key = fingerprint(files, settings)
        if key in finished:
            distances |= finished[key]
        else:
            remaining.append((key, batch))
    if distances:
        print(
            f"Resuming: {len(distances)} pairs already scored", file=sys.stderr
        )
    total = sum(map(len, batches))
    with (
        log.writing() as record,
        tqdm(
            total=total, initial=len(distances), unit="pair", disable=None
        ) as bar,
    ):
        scored = score_batches(
            [batch for _, batch in remaining], scorer, resize
        )
        for (key, batch), (found, failed) in zip(
            remaining, interruptible(scored), strict=True
        ):
            if not failed:
                record(key, found)
            distances |= found
            errors |= failed
            bar.update(len(batch))
    return distances, errors
