"""Options that several subcommands share."""

import argparse
import os
from pathlib import Path

from keras_lpips.backbones.registry import BACKBONES
from keras_lpips.images.validation import ImageError
from keras_lpips.layers.lpips import VERSIONS


def add_net_options(parser) -> None:
    """Adds --net, --version, --off-the-shelf."""
    parser.add_argument(
        "--net",
        choices=tuple(BACKBONES),
        default="alex",
        help="the backbone (default: alex)",
    )
    parser.add_argument(
        "--version",
        choices=VERSIONS,
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
        raise ImageError(f"{option} {path} is a folder; a file is needed")
    if path.suffix.lower() not in suffixes:
        raise ImageError(
            f"{option} must end in {' or '.join(suffixes)}. Received: {path}"
        )
    # A device would be replaced by a file.
    if path.exists() and not path.is_file():
        raise ImageError(f"{option} {path} is no regular file")
    if os.path.realpath(path) in map(os.path.realpath, inputs):
        raise ImageError(f"{option} {path} would overwrite an image compared")
    if not path.parent.is_dir():
        raise ImageError(f"{option} {path}: there is no folder {path.parent}")
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise ImageError(f"{option} {path}: {path.parent} cannot be written to")


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
