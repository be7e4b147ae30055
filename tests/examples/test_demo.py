"""The whole demo, small, and what its page shows."""

import importlib
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

from examples import steps
from examples.demo import make_steps
from examples.photographs import PACKAGED

ROOT = Path(__file__).parents[2]
VOID = {"meta", "img"}


def run_here(step, folder, lock):
    """In this process, where TensorFlow is loaded already."""
    _, program, *options = step.command
    # It hides Keras from the process that it runs in.
    if program == "examples.scoring":
        subprocess.run([sys.executable, *step.command], cwd=ROOT, check=True)
    else:
        status = importlib.import_module(program).main(options)
        assert not status, step
    return 1.0


@pytest.fixture(scope="module")
def demo(backbone, tmp_path_factory):
    """The folder of a demo, and its state."""
    backbone("alex")
    folder = tmp_path_factory.mktemp("a & b") / "demo"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(steps, "_execute", run_here)
        steps.run_steps(make_steps(folder, 300), folder)
    return folder


class Page(HTMLParser):
    """What a page is made of; fails on elements that are not closed."""

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
    for said in (
        "Blurred or bent",
        "0.0651",  # The bent astronaut, alex.
        "300 were made",
        "alex after: calibrated here",
        "bent preferred",
        "--recipe alex/lin-fast",
        "make demo",
    ):
        assert said in page.text


def test_the_page_needs_nothing_but_its_folder(demo):
    page = Page(demo / "index.html")
    assert len(page.links) > 15
    for link in page.links:
        assert not link.startswith(("/", "http"))
        assert (demo / link).stat().st_size > 100


def test_all_photographs_are_used(demo):
    page = Page(demo / "index.html")
    for name in PACKAGED:
        assert name in page.text


def test_the_second_time_all_is_there(demo, capsys):
    def refuse(*arguments):
        raise AssertionError

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(steps, "_execute", refuse)
        steps.run_steps(make_steps(demo, 300), demo)
    assert capsys.readouterr().out.count("there already") == 8
