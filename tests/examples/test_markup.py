"""Nothing that a page is told becomes a part of its HTML."""

import pytest

from examples import markup

BAD = "<b onload='x()'>&\""
ESCAPED = "&lt;b onload=&#x27;x()&#x27;&gt;&amp;&quot;"


@pytest.mark.parametrize(
    "piece",
    [
        markup.page(BAD, []),
        markup.heading(BAD),
        markup.paragraph(BAD),
        markup.note(BAD),
        markup.commands([BAD]),
        markup.link(BAD, BAD),
        markup.chart(BAD, BAD),
        markup.pictures({BAD: BAD}),
        markup.table([BAD], [[BAD]]),
    ],
)
def test_texts_are_escaped(piece):
    assert BAD not in piece
    assert "<b " not in piece
    assert ESCAPED in piece


def test_cells_are_distinguished():
    piece = markup.table(["a", "b"], [["x", "1"]], best={(0, 1)}, marked=[0])
    assert '<td class="text">x</td><td class="best">1</td>' in piece
    assert '<tr class="marked">' in piece
