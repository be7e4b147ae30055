"""What the programs have in common: flags, and faults told in one sentence."""

import sys
from collections.abc import Callable, Sequence

import simple_parsing
from simple_parsing.wrappers.field_wrapper import DashVariant

from keras_lpips_cli.errors import UserError


def make_parser(
    name: str, description: str, settings: type
) -> simple_parsing.ArgumentParser:
    """Returns the parser of a program's flags.

    Args:
        name: of the program.
        description: its docstring.
        settings: the dataclass of its flags.
    """
    parser = simple_parsing.ArgumentParser(
        prog=name,
        description=description,
        add_option_string_dash_variants=DashVariant.DASH,
    )
    parser.add_arguments(settings, "settings")
    return parser


def parse_settings(
    parser: simple_parsing.ArgumentParser, argv: Sequence[str] | None
):
    """Parses the flags of a program.

    Args:
        parser: see `make_parser`.
        argv: arguments without the program's name, `None` for the process's.

    Returns:
        An instance of the dataclass of the flags. Where that raises
        `ValueError`, the parser tells why and ends the program.
    """
    try:
        return parser.parse_args(argv).settings
    except ValueError as error:
        parser.error(str(error))


def parse(
    name: str, description: str, settings: type, argv: Sequence[str] | None
):
    """Parses the flags of a program; see `make_parser`, `parse_settings`."""
    return parse_settings(make_parser(name, description, settings), argv)


def run(
    name: str,
    work: Callable[[], None],
    interrupted: str,
    *faults: type[Exception],
) -> int:
    """Does a program's work; tells what the user can mend in one sentence.

    Args:
        name: of the program, which begins the sentence.
        work: takes and returns nothing.
        interrupted: what is left after Ctrl-C.
        *faults: exceptions whose message is for the user; `OSError` is one
            in any case.

    Returns:
        The exit status.
    """
    try:
        work()
    except (*faults, UserError) as error:
        return _told(name, str(error))
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        return _told(name, f"{where}{error.strerror or error}.")
    except KeyboardInterrupt:
        _told(name, f"interrupted; {interrupted}.")
        return 130
    return 0


def _told(name, sentence):
    print(f"{name}: {sentence}", file=sys.stderr)
    return 1
