"""Shared by all programs: flags from a dataclass, errors, exit status.

Programs import heavy libraries after parsing, so that `--help` takes less than
a second:

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

A field's docstring, one line, is its help. A field without a default is a
required flag. `bool` fields are switches; `Size` is a flag of the form
HEIGHTxWIDTH.
"""

import contextlib
import inspect
import logging
import os
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Annotated, TypeVar

import tyro

from keras_lpips_cli.errors import UserError

# Exit statuses: of an error, of Ctrl-C and of SIGTERM. tyro exits with 2 after
# wrong flags.
FAILED, INTERRUPTED, TERMINATED = 1, 130, 143
# Errors of libraries whose messages are for the user, by module. A module that
# was never imported has raised nothing.
_LIBRARY_ERRORS = {
    "keras_lpips": ("ImageError", "WeightsError"),
    "tfds_bapps": ("PreparationError",),
}

# Parts of log messages that are irrelevant here: a missing Google client and
# memory statistics, which are not used, and retracing for each image size,
# which is intended.
_UNHELPFUL = (
    "apitools not found",
    "Resource module is not available",
    "triggered tf.function retracing",
)

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
        description=_join_lines(description),
        args=None if argv is None else [str(word) for word in argv],
        config=(
            tyro.conf.FlagCreatePairsOff,
            tyro.conf.DisallowNone,
            tyro.conf.PositionalMetavarFromFieldName,
        ),
    )


def _join_lines(text: str) -> str:
    """Makes each paragraph one line; tyro joins only some of its lines."""
    return "\n\n".join(
        part if part.startswith(" ") else " ".join(part.split())
        for part in inspect.cleandoc(text).split("\n\n")
    )


def run(
    name: str, work: Callable[[], int | None], interrupted: str = ""
) -> int:
    """Runs a program's work and turns errors into one sentence.

    Args:
        name: the program's name, with which the sentence begins.
        work: a function without arguments that returns an exit status, or
            `None` for 0.
        interrupted: text appended to the message after Ctrl-C, for example "the
            same command resumes". Defaults to "".

    Returns:
        The exit status: the work's own; 1 after a `UserError`, an error of
        the libraries that is meant for the user, `OSError` or `MemoryError`;
        130 after Ctrl-C. SIGTERM raises `SystemExit(143)`, so that partial
        files are removed.
    """
    quiet_libraries()
    with _signals_as_exceptions() as signals:
        try:
            status = work() or 0
            # Flushed here, so that a full disk is reported.
            sys.stdout.flush()
            return status
        except BrokenPipeError:
            # The reader has closed the pipe.
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
        except (Exception, KeyboardInterrupt) as error:
            # While a native module is loaded, a KeyboardInterrupt becomes an
            # ImportError.
            if signals or isinstance(error, KeyboardInterrupt):
                tail = f"; {interrupted}" if interrupted else ""
                _print_error(name, f"interrupted{tail}")
                return INTERRUPTED
            if not isinstance(error, user_errors()):
                raise
            _print_error(name, str(error))
            return FAILED


def quiet_libraries() -> None:
    """Silences irrelevant log messages of libraries, before their import.

    `TF_CPP_MIN_LOG_LEVEL` is set unless it is set already.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    # Pillow's warnings about metadata that do not affect the pixels.
    warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")
    for logger in (None, "tensorflow"):
        logging.getLogger(logger).addFilter(_is_helpful)


def _is_helpful(record):
    return not any(part in record.getMessage() for part in _UNHELPFUL)


@contextlib.contextmanager
def _signals_as_exceptions() -> Iterator[list[int]]:
    """Converts Ctrl-C and SIGTERM to exceptions; yields those received."""
    received: list[int] = []

    def on_interrupt(number, frame):
        received.append(number)
        signal.default_int_handler(number, frame)

    def on_terminate(number, frame):
        sys.exit(TERMINATED)

    handlers = {
        signal.SIGINT: (signal.default_int_handler, on_interrupt),
        signal.SIGTERM: (signal.SIG_DFL, on_terminate),
    }
    # Other handlers are kept: background jobs ignore Ctrl-C, and a nested
    # program has these handlers already.
    replaced = {
        number: signal.signal(number, handler)
        for number, (usual, handler) in handlers.items()
        if threading.current_thread() is threading.main_thread()
        and signal.getsignal(number) is usual
    }
    try:
        yield received
    finally:
        for number, usual in replaced.items():
            signal.signal(number, usual)


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
    """Discards buffered output, which Python would write again at exit."""
    with contextlib.suppress(OSError, ValueError):
        sys.stdout.flush()
        return
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
