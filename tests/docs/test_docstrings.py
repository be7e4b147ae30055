"""Docstrings become Markdown, and their examples run."""

import doctest
import inspect

import pytest

import keras_lpips
from docs.docstrings import adapt

KERAS = """Computes a thing.

Call arguments:
    first: images, in
        a range.
    second: more images.

Returns:
    float32.

Example:

>>> thing(1)
2
"""


def test_call_arguments_are_a_list():
    text = adapt(KERAS)
    assert "**Call arguments:**\n\n- `first`: images, in\n    a range." in text
    assert "- `second`: more images.\n\nReturns:\n    float32." in text


def test_a_session_is_code():
    assert "```pycon\n>>> thing(1)\n2\n\n```" in adapt(KERAS)


@pytest.mark.docs
@pytest.mark.parametrize("name", sorted(keras_lpips.__all__))
def test_the_example_of_a_public_name_prints_what_it_says(name, backbone):
    backbone("alex")
    docstring = inspect.getdoc(getattr(keras_lpips, name)) or ""
    examples = doctest.DocTestParser().get_doctest(
        docstring, {}, name, None, None
    )
    assert examples.examples or name.endswith("Error") or name == "distance"
    failed, _ = doctest.DocTestRunner(verbose=False).run(examples)
    assert not failed
