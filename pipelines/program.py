"""What the programs have in common: flags, and faults told in one sentence."""

import sys
from collections.abc import Callable, Sequence

import simple_parsing
from simple_parsing.wrappers.field_wrapper import DashVariant

from pipelines.beam_options import parse_beam_options, split_command_line
from tfds_bapps.problems import PreparationError


def parse(
    name: str, description: str, settings: type, argv: Sequence[str] | None
):
    """Parses the flags of a program.

    Args:
        name: of the program.
        description: its docstring.
        settings: the dataclass of its flags.
        argv: arguments without the program's name, `None` for the process's.

    Returns:
        An instance of `settings`.
    """
    return _parser(name, description, settings).parse_args(argv).settings


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
    parser = _parser(name, description, settings)
    parsed = parser.parse_args(ours).settings
    return parsed, parse_beam_options(parser, beams)


def run(name: str, work: Callable[[], None], interrupted: str) -> int:
    """Does a program's work; tells what the user can mend in one sentence.

    Args:
        name: of the program, which begins the sentence.
        work: takes and returns nothing.
        interrupted: what is left after Ctrl-C.

    Returns:
        The exit status.
    """
    try:
        work()
    except PreparationError as error:
        return _told(name, str(error))
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        return _told(name, f"{where}{error.strerror or error}.")
    except KeyboardInterrupt:
        _told(name, f"interrupted; {interrupted}.")
        return 130
    return 0


def _parser(name, description, settings):
    parser = simple_parsing.ArgumentParser(
        prog=name,
        description=description,
        add_option_string_dash_variants=DashVariant.DASH,
    )
    parser.add_arguments(settings, "settings")
    return parser


def _told(name, sentence):
    print(f"{name}: {sentence}", file=sys.stderr)
    return 1
