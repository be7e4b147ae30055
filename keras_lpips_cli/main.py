"""The `keras-lpips` command."""

import argparse
import os
import sys

import keras_lpips_cli
from keras_lpips.images.validation import ImageError
from keras_lpips.weights.npz import WeightsError

COMMANDS = ("pair", "folders", "matrix", "video", "optimize", "weights")


def main(argv=None) -> int:
    """Runs a command and returns its exit status.

    Args:
        argv: arguments without the program's name. Defaults to the process's.

    Returns:
        0, or 1 after one sentence on standard error. Unknown arguments exit
        with 2.
    """
    parser = argparse.ArgumentParser(
        prog="keras-lpips",
        description="How far apart two images look: LPIPS (CVPR 2018).",
    )
    subparsers = parser.add_subparsers(
        dest="command", required=True, metavar="|".join(COMMANDS)
    )
    for name in COMMANDS:
        keras_lpips_cli.load(name).add_parser(subparsers)
    arguments = parser.parse_args(argv)
    try:
        status = keras_lpips_cli.load(arguments.command).run(arguments) or 0
        # Here, so that a full disk is seen.
        sys.stdout.flush()
        return status
    except (ImageError, WeightsError) as error:
        print(f"keras-lpips: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:
        # Who read the output has gone.
        _give_up_output()
        return 1
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        reason = error.strerror or error
        print(f"keras-lpips: {where}{reason}", file=sys.stderr)
        _give_up_output()
        return 1
    except MemoryError:
        print("keras-lpips: there is not enough memory", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("keras-lpips: interrupted", file=sys.stderr)
        return 130


def _give_up_output():
    """Keeps Python from trying again, at exit, to write what cannot be."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
