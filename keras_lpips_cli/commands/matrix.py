"""`keras-lpips matrix`: the distances between all images of a folder."""

from dataclasses import dataclass
from pathlib import Path

from tyro.conf import Positional

from keras_lpips_cli.options import MetricConfig, check_output, warn_skipped


@dataclass(frozen=True, kw_only=True)
class MatrixConfig(MetricConfig):
    """Computes the distances of all pairs of images in a folder."""

    folder: Positional[Path]
    """Folder of the images."""
    output: Path
    """CSV of a row and a column per image; a .json goes beside it."""

    def __post_init__(self):
        """Validates combinations of flags."""
        super().__post_init__()
        self.require_lpips("matrix")


def compare_all_images(config: MatrixConfig) -> None:
    """Writes the CSV and the `.json`."""
    from keras_lpips.atomic_files import atomic_paths, write_csv, write_json
    from keras_lpips.images.reader import list_images
    from keras_lpips.inference.matrix import compare_all, find_common_size
    from keras_lpips.inference.scorer import get_scorer
    from keras_lpips_cli.signals import with_progress

    output = config.output
    check_output(output, (".csv",))
    paths, skipped = list_images(config.folder)
    warn_skipped(f"Not images in {config.folder}", skipped)
    size = find_common_size(paths, config.resize)
    distances = compare_all(
        paths,
        get_scorer(*config.layer),
        size,
        config.resize,
        output.parent,
        lambda batches: with_progress(batches, "batch"),
    )
    names = [path.name for path in paths]
    rows = [
        (name, *(f"{d:.9g}" for d in row))
        for name, row in zip(names, distances, strict=True)
    ]
    with atomic_paths(output, output.with_suffix(".json")) as partials:
        write_csv(partials[0], ("name", *names), rows)
        result = {
            **config.describe(),
            "folder": str(config.folder),
            "images": len(names),
            "skipped": skipped,
            "size": list(size),
        }
        write_json(partials[1], result)
    print(f"{len(names)} x {len(names)} distances in {output}")
