"""The subcommands of `keras-lpips`, one module each.

A module has `add_parser(subparsers)` and `run(arguments)`, which returns the
exit status, `None` for 0. What is heavy is imported inside `run`.
"""

import importlib


def load(name):
    """Returns the module of a subcommand."""
    return importlib.import_module(f"keras_lpips_cli.{name}")
