"""Docstrings in Keras's form become Markdown."""

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
