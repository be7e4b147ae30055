"""Inserts text that is kept elsewhere into pages, so that it cannot drift.

A line `{{ help PROGRAM }}` becomes what `python -m PROGRAM --help` prints;
words after the program's name are passed on. A line `{{ include FILE }}`
becomes a file of the repository, with its links to `docs/` adapted.
"""

import functools
import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path

ROOT = Path(__file__).parents[1]
HELP = re.compile(r"^\{\{ help (.+) \}\}$", re.MULTILINE)
INCLUDE = re.compile(r"^\{\{ include (.+) \}\}$", re.MULTILINE)


def on_page_markdown(markdown, **_) -> str:
    """Replaces the lines of a page (an event of MkDocs)."""
    markdown = INCLUDE.sub(lambda match: _include(match[1]), markdown)
    return HELP.sub(lambda match: _block(match[1]), markdown)


@functools.cache
def help_text(program: str) -> str:
    """Returns the help of a program, 80 columns wide, without colors."""
    done = subprocess.run(
        [sys.executable, "-m", *program.split(), "--help"],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"COLUMNS": "80", "NO_COLOR": "1"},
    )
    # Descriptions are printed as one line per paragraph.
    lines = (
        line if len(line) <= 80 else textwrap.fill(line, 80)
        for line in done.stdout.rstrip().splitlines()
    )
    return "\n".join(lines)


def _block(program):
    return f"```text\n{help_text(program)}\n```"


def _include(name):
    text = (ROOT / name).read_text(encoding="utf-8").replace("](docs/", "](")
    for page in ("CONTRIBUTING.md", "CHANGELOG.md"):
        text = text.replace(f"]({page})", f"]({page.lower()})")
    return text
