"""Types of flags that several programs share, and checks of their values.

Importing the library takes seconds, so its choices are written out here; a
test compares them with the library.
"""

import argparse
import math
import os
from pathlib import Path
from typing import Annotated, Literal, get_args

from tyro.constructors import PrimitiveConstructorSpec

from keras_lpips_cli.errors import UserError

# Names of backbones, and versions of the published linear heads.
Net = Literal["alex", "vgg", "squeeze"]
Version = Literal["0.1", "0.0"]


class _NumberSpec(PrimitiveConstructorSpec):
    def __repr__(self):
        # tyro shows it in messages about `X | None`.
        return self.metavar


def _number_spec(kind, rule, is_valid):
    """Returns how tyro parses a number for which `is_valid` holds."""

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


def add_net_options(parser) -> None:
    """Adds --net, --version, --off-the-shelf."""
    parser.add_argument(
        "--net",
        choices=get_args(Net),
        default="alex",
        help="the backbone (default: alex)",
    )
    parser.add_argument(
        "--version",
        choices=get_args(Version),
        default="0.1",
        help="the heads' version (default: 0.1)",
    )
    parser.add_argument(
        "--off-the-shelf",
        dest="calibrated",
        action="store_false",
        help="features without heads, the paper's w = 1",
    )


def add_resize_option(parser) -> None:
    """Adds --resize."""
    parser.add_argument(
        "--resize",
        type=_size,
        metavar="HEIGHTxWIDTH",
        help="resize all images; without it, sizes that differ are an error",
    )


def add_output_option(parser, what) -> None:
    """Adds the required --output."""
    parser.add_argument("--output", required=True, type=Path, help=what)


def check_output(path: Path, suffixes, option="--output", inputs=()) -> None:
    """Raises before long work if `path` could not be written in the end.

    Args:
        path: the file to be written.
        suffixes: those that it may have.
        option: the option that gave the path.
        inputs: files that must not be overwritten.
    """
    if path.is_dir():
        raise UserError(f"{option} {path} is a folder; a file is needed")
    if path.suffix.lower() not in suffixes:
        raise UserError(
            f"{option} must end in {' or '.join(suffixes)}. Received: {path}"
        )
    # A device would be replaced by a file.
    if path.exists() and not path.is_file():
        raise UserError(f"{option} {path} is no regular file")
    if os.path.realpath(path) in map(os.path.realpath, inputs):
        raise UserError(f"{option} {path} would overwrite an input")
    if not path.parent.is_dir():
        raise UserError(f"{option} {path}: there is no folder {path.parent}")
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise UserError(f"{option} {path}: {path.parent} cannot be written to")


def count(text) -> int:
    """Parses a whole number that is at least 0."""
    value = int(text)
    if value < 0:
        raise ValueError
    return value


def _size(text):
    try:
        height, width = (int(side) for side in text.lower().split("x"))
        if min(height, width) < 1:
            raise ValueError
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not HEIGHTxWIDTH in pixels, as 64x64"
        ) from None
    return height, width
