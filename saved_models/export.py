r"""Exports LPIPS as a SavedModel that a server runs.

    python -m saved_models.export --net alex --output models/lpips_alex
    python -m saved_models.export --net vgg --output models/lpips_vgg \
        --resize 256x256
    python -m saved_models.export --from runs/alex-lin --output models/mine

Writes `<output>/<version>/`, with several signatures (`signatures.py`), a card
and warm-up requests (`assets.extra`). Only TensorFlow is needed to run it. The
same command again writes the next version, which is how a server is given a
new model without a stop, and says so; its folder alone is on standard output.
"""

import contextlib
import signal
import sys
from dataclasses import dataclass
from pathlib import Path

import keras
import simple_parsing
from simple_parsing.wrappers.field_wrapper import DashVariant

from keras_lpips import LPIPS, ImageError, WeightsError
from keras_lpips.backbones.registry import BACKBONES
from keras_lpips.inference.saved_model import list_versions
from saved_models.graph.preference import PREFERENCE, preference_signature
from saved_models.graph.signatures import Signatures
from saved_models.store.model_card import make_card, write_card
from saved_models.store.versions import VersionError, write_version
from saved_models.store.warm_up import write_warm_up
from training.run.run_loading import TrainedRun


@dataclass(frozen=True)
class Settings:
    """What to export, and where to."""

    output: Path
    """The model's folder; its versions are folders in it."""
    net: str | None = simple_parsing.choice(*BACKBONES, default=None)
    """The backbone; by default alex, or the run's."""
    from_run: Path | None = simple_parsing.field(default=None, alias="--from")
    """Folder of a run of training.train, in place of the published heads."""
    heads: str = simple_parsing.choice("0.1", "0.0", default="0.1")
    """The heads' version."""
    off_the_shelf: bool = simple_parsing.field(
        default=False, action="store_true"
    )
    """Features without heads, the paper's w = 1."""
    version: int | None = None
    """The export's version, a new one; by default one more than the last."""
    resize: str | None = None
    """HEIGHTxWIDTH to which `encoded` resizes; by default pairs must agree."""
    max_pixels: int = 2048 * 2048
    """Most pixels of an image that a request may hold."""


def main(argv=None) -> int:
    """Parses the command line and exports; returns the exit status."""
    parser = simple_parsing.ArgumentParser(
        prog="export",
        description=__doc__,
        add_option_string_dash_variants=DashVariant.DASH,
    )
    parser.add_arguments(Settings, "settings")
    settings = parser.parse_args(argv).settings
    try:
        with _stopping_cleanly():
            folder = export_as_asked(settings)
    except (ImageError, WeightsError, VersionError) as error:
        print(f"export: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        print(f"export: {where}{error.strerror or error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("export: interrupted, nothing is left", file=sys.stderr)
        return 130
    print(folder)
    _tell_of_others(folder)
    return 0


def _tell_of_others(folder):
    versions = list_versions(folder.parent)
    others = [version for version in versions if version != int(folder.name)]
    if others:
        print(
            f"export: {folder.parent} held version {others[-1]}; "
            f"{folder.name} is written beside it, and servers take "
            f"{versions[-1]}",
            file=sys.stderr,
        )


@contextlib.contextmanager
def _stopping_cleanly():
    """Makes an export that is stopped remove what it has begun.

    As one that is interrupted does.
    """
    before = signal.signal(
        signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM)
    )
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def export_as_asked(settings: Settings) -> Path:
    """Exports the published weights, or what a run has learnt.

    Args:
        settings: the user's wishes.

    Returns:
        The version's folder.

    Raises:
        ImageError: if `resize` is no size.
        WeightsError: if weights cannot be had, or the run is another.
        VersionError: if the version is there already.
    """
    resize = _parse_size(settings.resize)
    run = None
    if settings.from_run is None:
        lpips = LPIPS(
            settings.net or "alex",
            settings.heads,
            calibrated=not settings.off_the_shelf,
            dtype="float32",
        )
    else:
        run = _open_run(settings)
        lpips = run.layer(value_range=(-1, 1))
    return export(
        lpips,
        settings.output,
        settings.version,
        resize,
        settings.max_pixels,
        run,
    )


def _open_run(settings):
    run = TrainedRun(settings.from_run)
    if settings.off_the_shelf or settings.heads != Settings.heads:
        raise WeightsError(
            "--from brings its own heads: leave --heads and --off-the-shelf out"
        )
    if settings.net not in (None, run.recipe.net):
        raise WeightsError(
            f"{settings.from_run} is a run of {run.recipe.net}, not of "
            f"{settings.net}; --net may be left out"
        )
    return run


def export(
    lpips,
    output,
    version=None,
    resize=None,
    max_pixels=Settings.max_pixels,
    run=None,
) -> Path:
    """Writes a version of a model.

    Args:
        lpips: `keras_lpips.LPIPS` in float32, with `value_range` (-1, 1).
        output: the model's folder.
        version: the version; `None` for one more than the highest.
        resize: `(height, width)` to which `encoded` resizes, or `None`.
        max_pixels: most pixels of an image that a request may hold.
        run: the `TrainedRun` whose layer it is, or `None`. With it there is
            the signature `preference`, too.

    Returns:
        The version's folder.

    Raises:
        VersionError: if the version is there already.
        ValueError: if the layer takes other images, or Keras does not run on
            TensorFlow.
    """
    if keras.backend.backend() != "tensorflow":
        raise ValueError(
            "The export needs Keras to run on TensorFlow: set KERAS_BACKEND. "
            f"Received: {keras.backend.backend()}"
        )
    signatures = Signatures(lpips, max_pixels, resize).all()
    if run is not None:
        signatures[PREFERENCE] = preference_signature(
            lpips, run.ranking_head(), max_pixels
        )

    def write(folder):
        write_saved_model(signatures, folder)
        card = make_card(lpips, signatures, folder, max_pixels, resize, run)
        write_card(folder, card)
        write_warm_up(folder, signatures)

    return write_version(output, version, write)


def write_saved_model(signatures, folder) -> None:
    """Writes the graphs and the variables that they use."""
    archive = keras.export.ExportArchive()
    # The layer is not tracked: Keras would write every variable a second time
    # (keras#23553). The endpoints' own variables are found without it.
    traced = {}
    for name, signature in signatures.items():
        function = signature.function
        if function in traced:
            archive.add_endpoint(name, traced[function])
            continue
        traced[function] = archive.add_endpoint(
            name, function, [_named(*item) for item in signature.inputs.items()]
        )
        # One graph under two names needs to be there by the second.
        traced[function].get_concrete_function()
    archive.write_out(str(folder), verbose=False)


def _named(name, spec):
    return type(spec)(spec.shape, spec.dtype, name)


def _parse_size(text):
    if text is None:
        return None
    try:
        height, width = (int(side) for side in text.lower().split("x"))
        if min(height, width) < 1:
            raise ValueError
    except ValueError:
        raise ImageError(
            f"--resize must be HEIGHTxWIDTH in pixels, as 64x64: {text!r}"
        ) from None
    return height, width


if __name__ == "__main__":
    sys.exit(main())
