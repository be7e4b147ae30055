import ast
import io
import itertools
import logging
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass

import pytest

from keras_lpips import ImageError, WeightsError
from keras_lpips_cli.errors import UserError
from keras_lpips_cli.program import Size, parse, quiet_libraries, run
from tests.support.paths import REPOSITORY
from tfds_bapps import PreparationError

# What no program imports before its flags are parsed.
HEAVY = {
    "apache_beam",
    "jax",
    "keras",
    "matplotlib",
    "numpy",
    "tensorflow",
    "tensorflow_datasets",
    "torch",
}
HELP_SECONDS = 1.5
PROGRAMS = [
    "keras_lpips_cli.main",
    *(
        f"{package}.{path.stem}"
        for package in ("pipelines", "training", "saved_models")
        for path in sorted((REPOSITORY / package).glob("*.py"))
        if '__name__ == "__main__"' in path.read_text()
    ),
]


@dataclass(frozen=True)
class ExampleConfig:
    pairs: str
    """A .csv of pairs."""
    rate: float = 0.5
    """How fast."""
    resize: Size = None
    """Resize all images."""
    jit: bool = False
    """Compile."""

    def __post_init__(self):
        if self.rate > 1:
            raise ValueError(f"--rate must be at most 1. Received: {self.rate}")


def parse_example(*argv):
    return parse(ExampleConfig, "Does nothing.", argv, prog="example")


@pytest.fixture(params=PROGRAMS)
def program(request):
    return request.param


def test_programs_are_found():
    assert {
        "pipelines.score",
        "training.train",
        "saved_models.export",
    } <= set(PROGRAMS)


def test_flags_become_the_dataclass():
    config = parse_example(
        "--pairs", "a.csv", "--rate", "1", "--resize", "64X96", "--jit"
    )
    assert config == ExampleConfig("a.csv", 1.0, (64, 96), True)
    assert parse_example("--pairs", "a.csv") == ExampleConfig("a.csv")


def test_help_describes_flags_and_marks_required_ones(capsys):
    with pytest.raises(SystemExit) as exit:
        parse_example("--help")
    assert exit.value.code == 0
    described = " ".join(capsys.readouterr().out.replace("│", "").split())
    for part in (
        "usage: example",
        "Does nothing.",
        "--pairs STR A .csv of pairs. (required)",
        "--rate FLOAT How fast. (default: 0.5)",
        "--resize HEIGHTxWIDTH",
        "--jit Compile. (default: False)",
    ):
        assert part in described


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        ((), "--pairs"),
        (("--pairs", "a", "--unknown"), "--unknown"),
        (("--pairs", "a", "--rate", "fast"), "--rate"),
        (("--pairs", "a", "--rate", "2"), "--rate must be at most 1"),
        (("--pairs", "a", "--resize", "64"), "'64' is not HEIGHTxWIDTH"),
        (("--pairs", "a", "--resize", "0x64"), "'0x64' is not HEIGHTxWIDTH"),
        (("--pairs", "a", "--resize", "1x2x3"), "'1x2x3' is not HEIGHTxWIDTH"),
    ],
)
def test_wrong_flags_exit_with_2(capsys, argv, message):
    with pytest.raises(SystemExit) as exit:
        parse_example(*argv)
    assert exit.value.code == 2
    done = capsys.readouterr()
    assert message in done.err and not done.out


@pytest.mark.parametrize(("returned", "status"), [(None, 0), (0, 0), (3, 3)])
def test_work_gives_the_exit_status(returned, status):
    assert run("example", lambda: returned) == status


@pytest.mark.parametrize(
    ("error", "status", "sentence"),
    [
        (UserError("--a needs --b"), 1, "--a needs --b"),
        (ImageError("a.png is damaged"), 1, "a.png is damaged"),
        (WeightsError("no weights"), 1, "no weights"),
        (PreparationError("no sources"), 1, "no sources"),
        (OSError(28, "No space left", "a.csv"), 1, "a.csv: No space left"),
        (OSError("encoder error"), 1, "encoder error"),
        (MemoryError(), 1, "there is not enough memory"),
        (KeyboardInterrupt(), 130, "interrupted; the same command resumes"),
    ],
)
def test_errors_are_one_sentence(capsys, error, status, sentence):
    def fail():
        raise error

    assert run("example", fail, "the same command resumes") == status
    done = capsys.readouterr()
    assert (done.out, done.err) == ("", f"example: {sentence}\n")


def test_errors_of_the_program_keep_their_traceback():
    with pytest.raises(ZeroDivisionError):
        run("example", lambda: 1 // 0)


def test_other_errors_of_value_keep_their_traceback():
    with pytest.raises(ValueError, match="invalid literal"):
        run("example", lambda: int("x"))


@pytest.mark.usefixtures("ctrl_c")
def test_ctrl_c_that_comes_out_as_another_error_is_an_interruption(capsys):
    """As TensorFlow's native modules raise it while they are loaded."""

    def fail():
        try:
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(10)
        except KeyboardInterrupt:
            raise ImportError("initialization failed") from None

    assert run("example", fail) == 130
    assert capsys.readouterr().err == "example: interrupted\n"


@pytest.mark.usefixtures("ctrl_c")
def test_sigterm_leaves_the_work_by_an_exception_and_exits_with_143():
    cleaned = []

    def work():
        try:
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(10)
        finally:
            cleaned.append(True)

    with pytest.raises(SystemExit) as exit:
        run("example", work)
    assert exit.value.code == 143 and cleaned


def test_signal_handlers_are_restored():
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.getsignal(number) for number in numbers]
    run("example", lambda: None)
    assert [signal.getsignal(number) for number in numbers] == before


def test_an_ignored_ctrl_c_stays_ignored():
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        handler = []
        run("example", lambda: handler.append(signal.getsignal(signal.SIGINT)))
        assert handler == [signal.SIG_IGN]
    finally:
        signal.signal(signal.SIGINT, before)


class ClosedOutput(io.StringIO):
    def __init__(self, error):
        super().__init__()
        self.error = error

    def flush(self):
        raise self.error


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (BrokenPipeError(32, "Broken pipe"), ""),
        (OSError(28, "No space left"), "example: No space left\n"),
    ],
)
def test_output_that_cannot_be_written_is_a_failure(
    monkeypatch, capsys, error, message
):
    monkeypatch.setattr(sys, "stdout", ClosedOutput(error))
    assert run("example", lambda: print("result")) == 1
    assert capsys.readouterr().err == message


def run_python(code, **options):
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=REPOSITORY,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


PRINTING = """
import sys
from keras_lpips_cli.program import run
sys.exit(run("example", lambda: print("result")))
"""


@pytest.mark.skipif(
    not os.path.exists("/dev/full"), reason="There is no /dev/full."
)
def test_a_full_disk_under_standard_output_is_one_sentence():
    with open("/dev/full", "w") as full:
        done = run_python(PRINTING, stdout=full)
    assert done.returncode == 1
    assert done.stderr == "example: No space left on device\n"


def test_a_reader_that_has_gone_is_a_silent_failure():
    read, write = os.pipe()
    os.close(read)
    done = run_python(PRINTING, stdout=write)
    os.close(write)
    assert (done.returncode, done.stderr) == (1, "")


def test_libraries_log_no_unhelpful_warnings(monkeypatch, caplog):
    monkeypatch.delenv("TF_CPP_MIN_LOG_LEVEL", raising=False)
    quiet_libraries()
    assert os.environ["TF_CPP_MIN_LOG_LEVEL"] == "3"
    log = logging.getLogger("tensorflow")
    monkeypatch.setattr(log, "propagate", True)
    log.warning("5 calls triggered tf.function retracing.")
    log.warning("low on memory")
    assert caplog.messages == ["low on memory"]


def test_a_log_level_that_is_set_stays(monkeypatch):
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "0")
    quiet_libraries()
    assert os.environ["TF_CPP_MIN_LOG_LEVEL"] == "0"


def test_every_program_prints_its_help_soon(program):
    command = [sys.executable, "-m", program.removesuffix(".main"), "--help"]
    before = os.times()
    done = subprocess.run(
        command, cwd=REPOSITORY, capture_output=True, text=True
    )
    after = os.times()
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("usage: ")
    # Of the processor, since others may share the machine.
    seconds = (after.children_user - before.children_user) + (
        after.children_system - before.children_system
    )
    assert seconds < HELP_SECONDS


def test_the_help_of_every_flag_is_one_line():
    folders = ("keras_lpips_cli", "pipelines", "training", "saved_models")
    paths = [path for x in folders for path in (REPOSITORY / x).rglob("*.py")]
    nodes = [node for x in paths for node in ast.walk(ast.parse(x.read_text()))]
    helps = [
        text.value.value
        for node in nodes
        if isinstance(node, ast.ClassDef)
        for field, text in itertools.pairwise(node.body)
        if isinstance(field, ast.AnnAssign)
        if isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant)
    ]
    assert len(helps) > 100
    # tyro breaks the lines of a text of several where its source does.
    assert not [text for text in helps if "\n" in text]


def test_a_paragraph_of_the_description_is_one_line(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    text = "Does nothing.\n\n    a \\\n        b\n\nOne\n--two\nthree."
    with pytest.raises(SystemExit):
        parse(ExampleConfig, text, ["--help"], prog="example")
    described = capsys.readouterr().out
    assert "One --two three." in described
    assert "    a \\\n        b\n" in described


def test_every_program_parses_before_it_imports_heavy_modules(program):
    done = run_python(
        f"import contextlib, sys\nfrom {program} import main\n"
        "with contextlib.suppress(SystemExit): main(['--help'])\n"
        f"print('heavy:', *sorted({HEAVY!r} & set(sys.modules)))",
        stdout=subprocess.PIPE,
    )
    assert done.stdout.splitlines()[-1] == "heavy:"
