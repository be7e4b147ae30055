"""Every program has a page, and flags in pages and messages exist."""

import ast
import functools
import re
import shlex
from pathlib import Path

import pytest

from docs.hooks import HELP, help_text

ROOT = Path(__file__).parents[2]
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    *sorted((ROOT / "docs").rglob("*.md")),
]
PACKAGES = ("pipelines", "training", "saved_models")
SUBCOMMANDS = (
    *("pair", "folders", "explain", "matrix", "video", "optimize", "weights"),
)
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)

pytestmark = pytest.mark.docs


def programs():
    """Returns the modules that run as `python -m`."""
    return [
        f"{package}.{path.stem}"
        for package in PACKAGES
        for path in sorted((ROOT / package).glob("*.py"))
        if '__name__ == "__main__"' in path.read_text()
    ] + [f"keras_lpips_cli {name}" for name in SUBCOMMANDS]


@pytest.mark.parametrize("program", programs())
def test_a_program_has_its_help_on_a_page(program):
    shown = {
        name
        for page in (ROOT / "docs" / "commands").glob("*.md")
        for name in HELP.findall(page.read_text(encoding="utf-8"))
    }
    assert program in shown


def documented_commands():
    """Returns (page, program, flags) of each command of ours in a page."""
    found = []
    for page in PAGES:
        blocks = BLOCK.findall(page.read_text(encoding="utf-8"))
        for block in [text for language, text in blocks if not language]:
            for line in block.replace("\\\n", " ").splitlines():
                words = shlex.split(line, comments=True)
                match words:
                    case ["python", "-m", program, *rest] if (
                        program.split(".")[0] in PACKAGES
                    ):
                        pass
                    case ["keras-lpips", subcommand, *rest]:
                        program = f"keras_lpips_cli {subcommand}"
                    case _:
                        continue
                # What follows `--` is Beam's.
                ours = rest[: rest.index("--")] if "--" in rest else rest
                flags = [word for word in ours if word.startswith("--")]
                found.append((page.relative_to(ROOT), program, tuple(flags)))
    return sorted(set(found), key=str)


@pytest.mark.parametrize(("page", "program", "flags"), documented_commands())
def test_the_flags_in_a_page_exist(page, program, flags):
    text = help_text(program)
    for flag in flags:
        name = flag.split("=")[0]
        assert re.search(rf"{name}\b(?!-)", text), f"{program} has no {name}"


LIBRARIES = ("keras_lpips", "keras_lpips_cli", "tfds_bapps")
FLAG = re.compile(r"(?<![\w-])--[a-z][a-z_-]*[a-z]")
PROGRAM = re.compile(
    rf"\b(?:{'|'.join(PACKAGES)})\.[a-z_]+\b|keras-lpips [a-z]+"
)
# Modules whose flags are another program's: of pip, uv, Docker and TensorFlow
# Serving, of Beam, and of `tfds build`.
FOREIGN = {
    "keras_lpips/weights/download.py",
    "saved_models/serving_config.py",
    "pipelines/execution.py",
    "pipelines/job_service.py",
    "tfds_bapps/source/download.py",
}


def path_of(module):
    """Returns the file of a module of ours, `None` for another name."""
    path = ROOT.joinpath(*module.split("."))
    found = [path.with_suffix(".py"), path / "__init__.py"]
    return next((path for path in found if path.exists()), None)


@functools.cache
def files_of(path):
    """Returns a file and those of ours that it imports, directly or not."""
    found, new = set(), {path}
    while new:
        found |= new
        new = {x for path in new for x in imports_of(path)} - found
    return found


@functools.cache
def imports_of(path):
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module)
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    ours = (*PACKAGES, *LIBRARIES)
    paths = {path_of(name) for name in names if name.split(".")[0] in ours}
    return paths - {None}


def main_file(program):
    """Returns the file that runs as this program."""
    module, _, subcommand = program.partition(" ")
    return path_of(f"{module}.commands.{subcommand}" if subcommand else module)


def messages(path):
    """Yields the line and the text of each string but docstrings."""
    tree = ast.parse(path.read_text())
    skipped = {
        id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            parts = [x for x in node.values if isinstance(x, ast.Constant)]
            skipped |= set(map(id, parts))
            # A value is one word.
            text = "".join(
                x.value if isinstance(x, ast.Constant) else "VALUE"
                for x in node.values
            )
            yield node.lineno, text
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            if id(node) not in skipped:
                yield node.lineno, node.value


def test_flags_and_programs_in_messages_exist():
    """A flag is of a program that the message names, or that may show it."""
    users = {program: files_of(main_file(program)) for program in programs()}
    names = {x.replace("keras_lpips_cli", "keras-lpips"): x for x in users}
    wrong = []
    for package in (*PACKAGES, *LIBRARIES):
        for path in sorted((ROOT / package).rglob("*.py")):
            file = path.relative_to(ROOT).as_posix()
            for line, text in messages(path):
                named = set(PROGRAM.findall(text))
                wrong += [(file, line, x) for x in sorted(named - names.keys())]
                flags = [] if file in FOREIGN else FLAG.findall(text)
                shown = {x for x, files in users.items() if path in files}
                shown |= {names[x] for x in named & names.keys()}
                for flag in flags:
                    has = re.compile(rf"{flag}\b(?!-)").search
                    if not any(has(help_text(program)) for program in shown):
                        wrong.append((file, line, flag))
    assert not wrong


def test_the_tests_of_the_page_of_faults_exist():
    page = (ROOT / "docs" / "faults.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`(test_\w+\.py)::(test_\w+)`", page))
    defined = {
        (path.name, name)
        for path in (ROOT / "tests").rglob("test_*.py")
        for name in re.findall(
            r"^def (test_\w+)", path.read_text(), re.MULTILINE
        )
    }
    assert named and not named - defined


def test_the_page_of_faults_has_a_row_for_every_program():
    page = (ROOT / "docs" / "faults.md").read_text(encoding="utf-8")
    matrix = page.partition("## Killed")[0]
    words = {
        program.replace("keras_lpips_cli ", "").split(".")[-1]
        for program in programs()
    }
    missing = {word for word in words if not re.search(rf"\b{word}`", matrix)}
    assert missing == {"recipes", "worker_boot"}
