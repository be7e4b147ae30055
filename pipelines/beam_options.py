"""Beam's own options, after `--` on the command line of a program."""

import argparse
import sys
from collections.abc import Sequence

from apache_beam.options.pipeline_options import (
    DirectOptions,
    PipelineOptions,
    SetupOptions,
    WorkerOptions,
)

from pipelines.program import make_parser, parse_settings

PROCESSES = "multi_processing"


def parse_with_beam(
    name: str, description: str, settings: type, argv: Sequence[str] | None
):
    """Parses the flags of a program, and Beam's options, which follow `--`.

    Args:
        name: of the program.
        description: its docstring.
        settings: the dataclass of its flags.
        argv: arguments without the program's name, `None` for the process's.

    Returns:
        An instance of `settings`, and Beam's options.
    """
    ours, beams = split_command_line(sys.argv[1:] if argv is None else argv)
    parser = make_parser(name, description, settings)
    parsed = parse_settings(parser, ours)
    return parsed, parse_beam_options(parser, beams)


def split_command_line(
    argv: Sequence[str],
) -> tuple[list[str], list[str]]:
    """The program's flags and Beam's, which follow the first `--`."""
    argv = list(argv)
    if "--" not in argv:
        return argv, []
    at = argv.index("--")
    return argv[:at], argv[at + 1 :]


def parse_beam_options(
    parser: argparse.ArgumentParser, argv: Sequence[str]
) -> PipelineOptions:
    """Parses Beam's options and refuses what Beam would only warn about.

    Args:
        parser: the program's parser, which reports errors and exits.
        argv: Beam's part of the command line.

    Returns:
        The options.
    """
    options = PipelineOptions(list(argv))
    known = options.get_all_options(retain_unknown_options=False)
    given = options.get_all_options(retain_unknown_options=True)
    unknown = sorted(set(given) - set(known))
    strays = [word for word in argv if not word.startswith("-")]
    if unknown:
        flags = ", ".join(f"--{name}" for name in unknown)
        parser.error(f"Beam knows no option {flags}.")
    if any("=" in word for word in strays):
        parser.error(f"{strays[0]!r} is no option; options begin with --.")
    if options.view_as(DirectOptions).direct_running_mode == PROCESSES:
        _quieten_workers(options)
    return options


def _quieten_workers(options):
    """Makes worker processes say what is wrong, not what they do.

    Other engines' workers log as their owners have set them up.
    """
    logs = options.view_as(WorkerOptions)
    logs.default_sdk_harness_log_level = (
        logs.default_sdk_harness_log_level or "WARNING"
    )
    # Of a session file that is not sent: nothing here needs one.
    logs.sdk_harness_log_level_overrides = {
        "__main__": "ERROR",
        **(logs.sdk_harness_log_level_overrides or {}),
    }
    # Imported at first, it keeps TensorFlow from logging as it is loaded.
    setup = options.view_as(SetupOptions)
    setup.beam_plugins = [*(setup.beam_plugins or []), "pipelines"]
