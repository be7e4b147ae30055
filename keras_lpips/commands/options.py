"""Options that several subcommands share."""

import argparse
from pathlib import Path

from keras_lpips.image_checks import ImageError


def add_net_options(parser) -> None:
    """Adds --net, --version, --off-the-shelf."""
    parser.add_argument(
        "--net",
        choices=("alex", "vgg", "squeeze"),
        default="alex",
        help="the trunk (default: alex)",
    )
    parser.add_argument(
        "--version",
        choices=("0.1", "0.0"),
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


def check_output(path: Path) -> None:
    """Raises before long work if `path` could not be written in the end."""
    if path.is_dir():
        raise ImageError(f"--output {path} is a folder; a file is needed")
    if not path.parent.is_dir():
        raise ImageError(f"--output {path}: there is no folder {path.parent}")


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
