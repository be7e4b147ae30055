"""Types of flags that several programs share, and checks of their values.

Importing the library takes seconds, so its choices are written out here; a
test compares them with the library.
"""

import math
import os
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from tyro.constructors import PrimitiveConstructorSpec

from keras_lpips_cli.errors import UserError
from keras_lpips_cli.program import Size

# Names of the backbones with pretrained weights; of all backbones, as
# `Literal[Net, "name"]`; and versions of LPIPS.
Net = Literal["alex", "vgg", "squeeze"]
AnyNet = Literal[Net]
Version = Literal["0.1", "0.0", "st"]


class _NumberSpec(PrimitiveConstructorSpec):
    def __repr__(self):
        # Shown by tyro in messages about `X | None`.
        return self.metavar


def _number_spec(kind, rule, is_valid):
    """Returns tyro's parser of a number that satisfies `is_valid`."""

    def parse_number(words):
        try:
            value = kind(words[0])
        except ValueError:
            value = math.nan
        # False for NaN, too.
        if not is_valid(value):
            raise ValueError(f"{words[0]!r} is not {rule}")
        return value

    return _NumberSpec(
        nargs=1,
        metavar=kind.__name__.upper(),
        instance_from_str=parse_number,
        is_instance=lambda value: isinstance(value, kind),
        str_from_instance=lambda value: [str(value)],
    )


NonNegativeInt = Annotated[
    int, _number_spec(int, "an integer of at least 0", lambda x: x >= 0)
]
PositiveInt = Annotated[
    int, _number_spec(int, "an integer of at least 1", lambda x: x >= 1)
]
PositiveFloat = Annotated[
    float,
    _number_spec(float, "a positive number", lambda x: 0 < x < math.inf),
]


@dataclass(frozen=True, kw_only=True)
class PublishedConfig:
    """Flags that choose a published metric."""

    metric: Literal["lpips", "dists"] = "lpips"
    """LPIPS; or DISTS, whose net is vgg and which has no versions."""
    net: Net = "alex"
    """The backbone."""
    version: Version = "0.1"
    """Version of LPIPS; st is the shift-tolerant one, of alex and vgg."""

    # A flag of subclasses.
    off_the_shelf = False

    def __post_init__(self):
        """Validates combinations of flags."""
        if self.metric == "dists" and (
            self.net == "squeeze" or self.version != "0.1" or self.off_the_shelf
        ):
            raise ValueError(
                "--metric dists has a net of its own: leave --net, --version "
                "and --off-the-shelf out"
            )

    @property
    def layer(self) -> tuple[str, str, bool]:
        """Net, version and whether the heads are used, as `Scorer` takes."""
        if self.metric == "dists":
            return "vgg", "dists", True
        return self.net, self.version, not self.off_the_shelf

    def require_lpips(self, what: str) -> None:
        """Raises `ValueError` unless the metric is LPIPS."""
        if self.metric != "lpips":
            raise ValueError(f"{what} needs --metric lpips")


@dataclass(frozen=True, kw_only=True)
class MetricConfig(PublishedConfig):
    """Flags of a command that computes LPIPS."""

    off_the_shelf: bool = False
    """Compare features without linear heads (w = 1 in the paper)."""
    resize: Size = None
    """Resize all images. Without it, sizes that differ are an error."""

    def describe(self) -> dict:
        """Returns the settings and versions to write beside a result."""
        from keras_lpips.inference.provenance import describe

        resize = self.resize and list(self.resize)
        return {**describe(*self.layer), "resize": resize}


def check_output(
    path: Path,
    suffixes: Sequence[str],
    option: str = "--output",
    inputs: Iterable[Path] = (),
) -> None:
    """Validates an output path before work starts.

    Args:
        path: the file to be written.
        suffixes: the allowed suffixes.
        option: the flag that gave the path. Defaults to "--output".
        inputs: files that must not be overwritten. Defaults to none.

    Raises:
        UserError: if the file could not be written.
    """
    if path.is_dir():
        raise UserError(f"{option} {path} is a folder; a file is needed")
    if path.suffix.lower() not in suffixes:
        raise UserError(
            f"{option} must end in {' or '.join(suffixes)}. Received: {path}"
        )
    # A device would be replaced by a file.
    if path.exists() and not path.is_file():
        raise UserError(f"{option} {path} is not a regular file")
    if os.path.realpath(path) in map(os.path.realpath, inputs):
        raise UserError(f"{option} {path} would overwrite an input")
    if not path.parent.is_dir():
        raise UserError(f"{option} {path}: there is no folder {path.parent}")
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise UserError(f"{option} {path}: {path.parent} cannot be written to")


def warn_skipped(what: str, names: Sequence[str]) -> None:
    """Prints to stderr how many files are skipped, and the first names.

    Args:
        what: the beginning of the line.
        names: the files, possibly none.
    """
    from keras_lpips.images.names import shorten

    if names:
        print(
            f"{what}, skipped: {len(names)} ({shorten(names)})",
            file=sys.stderr,
        )
