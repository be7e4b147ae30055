"""Pieces of an HTML page; every text that they take is escaped."""

from html import escape

STYLE = """
:root { color-scheme: light; }
body { font: 16px/1.55 system-ui, sans-serif; color: #1d2126;
  background: #fff; max-width: 66rem; margin: 0 auto; padding: 2.5rem 1.25rem; }
h1 { font-size: 1.9rem; line-height: 1.2; margin: 0 0 .5rem; }
h2 { font-size: 1.3rem; margin: 3rem 0 .6rem; padding-top: 1.2rem;
  border-top: 1px solid #d9dde2; }
p { max-width: 46rem; margin: .5rem 0; }
p.note { color: #59626d; font-size: .93rem; }
div.wide { overflow-x: auto; margin: 1rem 0; }
table { border-collapse: collapse; font-size: .93rem;
  font-variant-numeric: tabular-nums; }
th, td { padding: .32rem .8rem; text-align: right; white-space: nowrap;
  border-bottom: 1px solid #e6e9ec; }
th { color: #59626d; font-weight: 600; border-bottom: 1px solid #b9c0c8; }
th.text, td.text { text-align: left; }
td.wrap { white-space: normal; min-width: 11rem; overflow-wrap: anywhere; }
td small { display: block; font-weight: 400; color: #59626d; }
td.best { font-weight: 700; background: #eaf4ec; }
tr.marked td { background: #f4f7fb; font-weight: 600; }
code, pre { font: .86rem/1.5 ui-monospace, "DejaVu Sans Mono", monospace; }
pre { background: #f5f6f8; padding: .8rem 1rem; border-radius: 4px;
  white-space: pre-wrap; overflow-wrap: anywhere; }
code { overflow-wrap: anywhere; }
div.pictures { display: grid; gap: .7rem; margin: 1rem 0 1.6rem;
  grid-template-columns: repeat(5, minmax(0, 1fr)); }
figure { margin: 0; }
figure img { display: block; width: 100%; height: auto; border-radius: 3px; }
figcaption { font-size: .84rem; line-height: 1.35; color: #59626d;
  margin-top: .3rem; }
img.chart { max-width: 100%; height: auto; margin: .8rem 0; }
@media (max-width: 40rem) { div.pictures {
  grid-template-columns: repeat(2, minmax(0, 1fr)); } }
"""


def page(title, parts) -> str:
    """Returns a whole page.

    Args:
        title: of the page.
        parts: pieces, in order.
    """
    return "\n".join(
        [
            '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width">',
            f"<title>{escape(title)}</title>\n<style>{STYLE}</style>",
            f"</head>\n<body>\n<h1>{escape(title)}</h1>",
            *parts,
            "</body>\n</html>\n",
        ]
    )


def heading(text) -> str:
    """Returns the heading of a section."""
    return f"<h2>{escape(text)}</h2>"


def paragraph(text) -> str:
    """Returns a paragraph."""
    return f"<p>{escape(text)}</p>"


def note(text) -> str:
    """Returns a paragraph in a weaker colour."""
    return f'<p class="note">{escape(text)}</p>'


def commands(lines) -> str:
    """Returns commands, one a line."""
    return f"<pre>{escape(chr(10).join(lines))}</pre>"


def link(path, text) -> str:
    """Returns a paragraph that leads to a file of the same folder."""
    return f'<p><a href="{escape(path)}">{escape(text)}</a></p>'


def chart(path, text) -> str:
    """Returns a picture of full width; `text` says what it shows."""
    return f'<img class="chart" src="{escape(path)}" alt="{escape(text)}">'


def pictures(captions) -> str:
    """Returns a row of pictures.

    Args:
        captions: what stands below each, by its path.
    """
    figures = "\n".join(
        f'<figure><img src="{escape(path)}" alt="{escape(caption)}">'
        f"<figcaption>{escape(caption)}</figcaption></figure>"
        for path, caption in captions.items()
    )
    return f'<div class="pictures">\n{figures}\n</div>'


def table(header, rows, words=(0,), best=(), marked=(), wrapped=()) -> str:
    """Returns a table.

    Args:
        header: names of the columns.
        rows: texts; or pairs of a text and one to stand smaller below it.
        words: columns that hold words, which are aligned to the left.
        best: `(row, column)` of the cells to be distinguished.
        marked: rows to be distinguished.
        wrapped: columns whose texts may take several lines.
    """

    def classes(row, column):
        found = [
            name
            for name, holds in (
                ("text", column in words),
                ("best", (row, column) in best),
                ("wrap", column in wrapped),
            )
            if holds
        ]
        return f' class="{" ".join(found)}"' if found else ""

    lines = ['<div class="wide"><table>', "<tr>"]
    lines += [
        f"<th{classes(None, i)}>{escape(name)}</th>"
        for i, name in enumerate(header)
    ]
    lines.append("</tr>")
    for i, row in enumerate(rows):
        cells = "".join(
            f"<td{classes(i, j)}>{_cell(cell)}</td>"
            for j, cell in enumerate(row)
        )
        mark = ' class="marked"' if i in marked else ""
        lines.append(f"<tr{mark}>{cells}</tr>")
    return "\n".join([*lines, "</table></div>"])


def _cell(cell):
    if isinstance(cell, tuple):
        text, below = cell
        return f"{escape(text)}<small>{escape(below)}</small>"
    return escape(str(cell))
