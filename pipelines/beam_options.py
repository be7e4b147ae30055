"""Parses Beam's options, which follow `--` on the command line."""

import logging
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeVar

from keras_lpips_cli.errors import UserError
from keras_lpips_cli.program import FAILED, parse, quiet_libraries

if TYPE_CHECKING:
    from apache_beam.options.pipeline_options import PipelineOptions

PROCESSES = "multi_processing"
# The exit status after wrong flags, as of argparse and tyro.
_USAGE_ERROR = 2

Config = TypeVar("Config")


def parse_with_beam(
    config: type[Config],
    description: str,
    argv: Sequence[str] | None = None,
    *,
    prog: str,
) -> tuple[Config, "PipelineOptions"]:
    """Parses the flags of a program, and Beam's options, which follow `--`.

    Args:
        config: see `keras_lpips_cli.program.parse`.
        description: see there.
        argv: arguments without the program's name. Defaults to the process's.
        prog: the program's name in its help.

    Returns:
        An instance of `config`, and Beam's options. Unknown ones exit with 2.
    """
    words = sys.argv[1:] if argv is None else argv
    ours, beams = split_command_line(words)
    parsed = parse(config, description, ours, prog=prog)
    quiet_libraries()
    try:
        return parsed, parse_beam_options(beams)
    except (ValueError, UserError) as error:
        print(f"{prog}: {error}", file=sys.stderr)
        sys.exit(_USAGE_ERROR if isinstance(error, ValueError) else FAILED)


def split_command_line(
    argv: Sequence[str],
) -> tuple[list[str], list[str]]:
    """Splits at the first `--` into the program's flags and Beam's."""
    argv = [str(word) for word in argv]
    if "--" not in argv:
        return argv, []
    at = argv.index("--")
    return argv[:at], argv[at + 1 :]


def parse_beam_options(argv: Sequence[str]) -> "PipelineOptions":
    """Parses Beam's options.

    Args:
        argv: Beam's part of the command line.

    Raises:
        ValueError: for options that neither Beam nor the job service knows,
            which Beam would only warn about.
        UserError: if no job service answers where one has to be asked.
    """
    # Imported here, so that `--help` does not import Beam.
    from apache_beam.options.pipeline_options import (
        DirectOptions,
        PipelineOptions,
    )

    from pipelines.job_service import job_endpoint, list_options

    options = PipelineOptions(list(argv))
    known = options.get_all_options(retain_unknown_options=False)
    given = options.get_all_options(retain_unknown_options=True)
    unknown = set(given) - set(known)
    if unknown and (endpoint := job_endpoint(options)):
        # Those that only the engine knows; Beam passes them on.
        unknown -= list_options(endpoint)
    strays = [word for word in argv if not word.startswith("-")]
    if unknown:
        flags = ", ".join(f"--{name}" for name in sorted(unknown))
        raise ValueError(f"Beam has no option {flags}.")
    if any("=" in word for word in strays):
        raise ValueError(f"{strays[0]!r} is no option; options begin with --.")
    if options.view_as(DirectOptions).direct_running_mode == PROCESSES:
        _quieten_workers(options)
    return options


def _quieten_workers(options):
    """Limits worker processes of the direct runner to warnings.

    Other engines configure the logs of their workers themselves.
    """
    from apache_beam.options.pipeline_options import WorkerOptions

    logs = options.view_as(WorkerOptions)
    logs.default_sdk_harness_log_level = (
        logs.default_sdk_harness_log_level or "WARNING"
    )
    # Reports a missing session file, which is not needed.
    logs.sdk_harness_log_level_overrides = {
        "__main__": "ERROR",
        # Reports an option that Beam itself passes to workers.
        "apache_beam.options.pipeline_options": "ERROR",
        **(logs.sdk_harness_log_level_overrides or {}),
    }


def configure_logging() -> None:
    """Logs warnings, and progress of the programs' own, to standard error."""
    logging.basicConfig(level=logging.WARNING)
    logging.getLogger("pipelines").setLevel(logging.INFO)
