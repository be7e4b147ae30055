"""Every program has a page, and every flag in the documentation exists."""

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
SUBCOMMANDS = ("pair", "folders", "matrix", "video", "optimize", "weights")
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
