"""A small demo from start to end, and its page."""

import importlib
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

from examples.demo import steps
from examples.demo.__main__ import DemoConfig, make_steps
from examples.demo.photographs import NAMES

ROOT = Path(__file__).parents[3]
VOID = {"meta", "img"}
TRIPLETS = 120

pytestmark = pytest.mark.slow


def execute_here(step, folder, lock):
    """Runs a step in this process, where TensorFlow is loaded already."""
    _, program, *options = step.command
    # This one hides Keras from its process.
    if program == "examples.demo.score_export":
        subprocess.run([sys.executable, *step.command], cwd=ROOT, check=True)
    else:
        status = importlib.import_module(program).main(options)
        assert not status, step
    return 1.0


@pytest.fixture(scope="module")
def demo(backbone, tmp_path_factory):
    """The folder of a finished demo."""
    backbone("alex")
    folder = tmp_path_factory.mktemp("a & b") / "demo"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(steps, "_execute", execute_here)
        steps.run_steps(make_steps(DemoConfig(folder, TRIPLETS)), folder)
    return folder


class Page(HTMLParser):
    """Links and text of a page. Fails on elements that are not closed."""

    def __init__(self, path):
        super().__init__()
        self.links, self.text, self.open = [], "", []
        self.feed(path.read_text())
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.links += [x for name, x in attrs if name in ("src", "href")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


def test_the_page_shows_every_step(demo):
    page = Page(demo / "index.html")
    for text in (
        "Blurred or bent",
        "0.0651",  # The bent astronaut, alex.
        f"{TRIPLETS} were made",
        "alex after: calibrated here",
        "bent preferred",
        "--recipe alex/lin-fast",
        "make demo",
    ):
        assert text in page.text


def test_the_page_needs_nothing_but_its_folder(demo):
    page = Page(demo / "index.html")
    assert len(page.links) > 15
    for link in page.links:
        assert not link.startswith(("/", "http"))
        assert (demo / link).stat().st_size > 100


def test_the_page_names_every_photograph(demo):
    page = Page(demo / "index.html")
    for name in NAMES:
        assert name in page.text


def test_a_finished_demo_runs_no_step_again(demo, capsys):
    def fail(*arguments):
        raise AssertionError

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(steps, "_execute", fail)
        steps.run_steps(make_steps(DemoConfig(demo, TRIPLETS)), demo)
    assert capsys.readouterr().out.count("done already") == 8
