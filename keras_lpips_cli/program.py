"""What all programs share: flags from a dataclass, errors and exit status.

Nothing heavy is imported here, and a program imports what is heavy after
parsing, so that `--help` answers in a second:

    @dataclass(frozen=True)
    class ScoreConfig:
        pairs: str
        \"\"\"A .csv of pairs.\"\"\"
        net: Net = "alex"
        \"\"\"The backbone.\"\"\"

    def main(argv=None) -> int:
        config = parse(ScoreConfig, __doc__, argv, prog="pipelines.score")

        def work():
            from pipelines.scoring.job import score

            score(config)

        return run("pipelines.score", work)

A field's docstring is its help. A field without a default is a required flag.
`bool` fields are switches; `Size` is a flag of the form HEIGHTxWIDTH.
"""

import contextlib
import os
import sys
from collections.abc import Callable, Sequence
from typing import Annotated, TypeVar

import tyro

from keras_lpips_cli.errors import UserError

# Exit statuses: of an error, of wrong flags (argparse's), of Ctrl-C.
FAILED, USAGE, INTERRUPTED = 1, 2, 130
# Errors of libraries whose messages are for the user, by module. A module that
# was never imported has raised nothing.
_LIBRARY_ERRORS = {
    "keras_lpips": ("ImageError", "WeightsError"),
    "tfds_bapps": ("PreparationError",),
}

Config = TypeVar("Config")


def _parse_size(words: list[str]) -> tuple[int, int]:
    (text,) = words
    try:
        height, width = (int(side) for side in text.lower().split("x"))
    except ValueError:
        height = width = 0
    if min(height, width) < 1:
        raise ValueError(f"{text!r} is not HEIGHTxWIDTH in pixels, as 64x64")
    return height, width


def _is_size(value) -> bool:
    return isinstance(value, tuple) and len(value) == 2


# The type of a flag HEIGHTxWIDTH in pixels; `None` without it.
Size = Annotated[
    tuple[int, int] | None,
    tyro.constructors.PrimitiveConstructorSpec(
        nargs=1,
        metavar="HEIGHTxWIDTH",
        instance_from_str=_parse_size,
        is_instance=lambda value: value is None or _is_size(value),
        str_from_instance=lambda value: [
            "None" if value is None else f"{value[0]}x{value[1]}"
        ],
    ),
]


def parse(
    config: type[Config],
    description: str,
    argv: Sequence[str] | None = None,
    *,
    prog: str,
) -> Config:
    """Parses a program's flags into its dataclass.

    Args:
        config: the dataclass of the flags. Where constructing it raises
            `ValueError`, its message is an error of usage.
        description: the text above the flags, usually the module's docstring.
        argv: arguments without the program's name. Defaults to the process's.
        prog: the program's name in its help.

    Returns:
        An instance of `config`. Unknown or missing flags exit with 2.
    """
    return tyro.cli(
        config,
        prog=prog,
        description=description,
        args=None if argv is None else [str(word) for word in argv],
        config=(tyro.conf.FlagCreatePairsOff, tyro.conf.DisallowNone),
    )


def run(
    name: str, work: Callable[[], int | None], interrupted: str = ""
) -> int:
    """Runs a program's work and turns errors into one sentence.

    Args:
        name: the program's name, with which the sentence begins.
        work: a function of nothing that returns an exit status, or `None`
            for 0.
        interrupted: what is said of the state that Ctrl-C leaves, for example
            "the same command resumes". Defaults to nothing.

    Returns:
        The exit status: the work's own; 1 after a `UserError`, an error of
        the libraries that is meant for the user, `OSError` or `MemoryError`;
        130 after Ctrl-C.
    """
    try:
        status = work() or 0
        # Here, so that a full disk is noticed.
        sys.stdout.flush()
        return status
    except BrokenPipeError:
        # The reader of the output has gone.
        _discard_output()
        return FAILED
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        _print_error(name, f"{where}{error.strerror or error}")
        _discard_output()
        return FAILED
    except MemoryError:
        _print_error(name, "there is not enough memory")
        return FAILED
    except KeyboardInterrupt:
        tail = f"; {interrupted}" if interrupted else ""
        _print_error(name, f"interrupted{tail}")
        return INTERRUPTED
    except Exception as error:
        if not isinstance(error, user_errors()):
            raise
        _print_error(name, str(error))
        return FAILED


def user_errors() -> tuple[type[Exception], ...]:
    """Returns the exceptions whose messages are for the user."""
    errors = [UserError]
    for module, names in _LIBRARY_ERRORS.items():
        if module in sys.modules:
            errors += [getattr(sys.modules[module], name) for name in names]
    return tuple(errors)


def _print_error(name, sentence):
    print(f"{name}: {sentence}", file=sys.stderr)


def _discard_output():
    """Keeps Python from writing again, at exit, what cannot be written."""
    with contextlib.suppress(OSError, ValueError):
        sys.stdout.flush()
        return
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
