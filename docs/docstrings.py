"""Adapts Keras's form of docstrings to the pages (an extension of Griffe)."""

import re
import textwrap

import griffe

# "Call arguments:" and the indented lines below it.
CALL_ARGUMENTS = re.compile(
    r"^Call arguments:\n((?: {4}.*\n?|\n)+)", re.MULTILINE
)
ARGUMENT = re.compile(r"^(\w+): ", re.MULTILINE)


class KerasDocstrings(griffe.Extension):
    """Turns "Call arguments:" into a list, and `>>>` lines into code."""

    def on_object(self, *, obj, **_):
        """Rewrites the docstring of an object that was loaded."""
        if obj.docstring:
            obj.docstring.value = adapt(obj.docstring.value)


def adapt(text: str) -> str:
    """Returns a docstring whose text renders as Markdown."""
    text = CALL_ARGUMENTS.sub(_as_list, text)
    paragraphs = text.split("\n\n")
    return "\n\n".join(
        f"```pycon\n{paragraph}\n```"
        if paragraph.startswith(">>> ")
        else paragraph
        for paragraph in paragraphs
    )


def _as_list(match):
    body = textwrap.dedent(match[1]).strip("\n")
    items = ARGUMENT.sub(r"- `\1`: ", body)
    return f"**Call arguments:**\n\n{items}\n\n"
