"""The Python examples of the documentation print what the pages say."""

import contextlib
import io
import re
import shutil
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
# A block of Python, and the output below it, if any.
BLOCK = re.compile(
    r"^```python\n(?P<code>.*?)^```\n(?:\n```text\n(?P<output>.*?)^```\n)?",
    re.MULTILINE | re.DOTALL,
)

pytestmark = pytest.mark.docs


def examples(path):
    return list(BLOCK.finditer(path.read_text(encoding="utf-8")))


@pytest.mark.parametrize(
    "page",
    [page for page in PAGES if examples(page)],
    ids=lambda page: str(page.relative_to(ROOT)),
)
def test_examples_print_what_the_page_says(
    page, backbone, tmp_path, monkeypatch
):
    """Runs the blocks of a page in order, in the folder of the pictures."""
    backbone("alex")
    backbone("vgg")
    shutil.copytree(ROOT / "docs" / "images", tmp_path / "docs" / "images")
    in_images = page.parent.name == "tutorials"
    monkeypatch.chdir(tmp_path / "docs/images" if in_images else tmp_path)
    namespace = {"__name__": "example"}
    for block in examples(page):
        printed = io.StringIO()
        code = compile(block["code"], f"{page.name} {block['code']!r}", "exec")
        with contextlib.redirect_stdout(printed):
            exec(code, namespace)
        assert printed.getvalue() == (block["output"] or "")


def test_most_pages_of_the_api_have_an_example_with_its_output():
    pages = [page for page in PAGES if page.parent.name == "api"]
    shown = [p for p in pages if any(x["output"] for x in examples(p))]
    assert {p.stem for p in pages} - {p.stem for p in shown} <= {
        "index",
        "tfds_bapps",
    }
