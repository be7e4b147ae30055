r"""Exports LPIPS or DISTS as a SavedModel that a server runs.

    python -m saved_models.export --net alex --output models/lpips_alex
    python -m saved_models.export --net vgg --output models/lpips_vgg \
        --resize 256x256
    python -m saved_models.export --from runs/alex-lin --output models/mine

Writes OUTPUT/MODEL_VERSION/, with several signatures, a model card and warm-up
requests. Only TensorFlow is needed to run it. The same command again writes
the next version, which a server loads without a restart. Prints the folder of
the version.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from tyro.conf import arg

from keras_lpips_cli.options import Net, PositiveInt, Version
from keras_lpips_cli.program import Size, parse, run

NAME = "saved_models.export"


@dataclass(frozen=True, kw_only=True)
class ExportConfig:
    """Flags of the program."""

    output: Path
    """The model's folder, which holds a folder for each version."""
    metric: Literal["lpips", "dists"] = "lpips"
    """LPIPS; or DISTS, without the signatures `spatial` and `embed`."""
    net: Net | None = None
    """The backbone. By default alex, or that of the run."""
    from_run: Annotated[Path | None, arg(name="from")] = None
    """Folder of a run of training.train, instead of the published heads."""
    version: Version = "0.1"
    """Version of LPIPS; st is the shift-tolerant one, of alex and vgg."""
    off_the_shelf: bool = False
    """Compare features without linear heads (w = 1 in the paper)."""
    model_version: PositiveInt | None = None
    """A new version of the model. By default one more than the highest."""
    resize: Size = None
    """Resize the images of `encoded`. Without it, sizes must be equal."""
    max_pixels: PositiveInt = 2048 * 2048
    """Most pixels of an image in a request."""

    def __post_init__(self):
        """Validates combinations of flags."""
        given = self.off_the_shelf or self.version != "0.1"
        if self.metric == "dists" and (given or self.net or self.from_run):
            raise ValueError(
                "--metric dists has a net of its own: leave --net, --from, "
                "--version and --off-the-shelf out"
            )
        if self.from_run and given:
            raise ValueError(
                "--from brings its own heads: leave --version and "
                "--off-the-shelf out"
            )


def main(argv: Sequence[str] | None = None) -> int:
    """Exports a model; see `program.run` for the exit status."""
    config = parse(ExportConfig, __doc__, argv, prog=NAME)

    def work():
        from saved_models.store.exporter import export_model

        folder = export_model(config)
        print(folder)
        _report_other_versions(folder)

    return run(NAME, work, "nothing was written")


def _report_other_versions(folder):
    from keras_lpips.inference.saved_model import list_versions

    versions = list_versions(folder.parent)
    others = [version for version in versions if version != int(folder.name)]
    if others:
        print(
            f"{NAME}: {folder.parent} has other versions, up to {others[-1]}; "
            f"servers load {versions[-1]}",
            file=sys.stderr,
        )


if __name__ == "__main__":
    sys.exit(main())
