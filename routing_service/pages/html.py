"""A page for people: no script, nothing loaded from elsewhere, prints well."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from importlib.resources import files

from routing_service.pages.table import Table


def page(title: str, style: str, body: Iterable[str]) -> str:
    """A whole page.

    Parameters
    ----------
    title
        In plain words.
    style
        Rules beyond those that all pages share.
    body
        Its parts as HTML.
    """
    shared = files("routing_service.pages").joinpath("page.css").read_text(encoding="utf-8")
    return "\n".join(
        [
            '<!doctype html>\n<html lang="en-GB">\n<head>\n<meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{escape(title)}</title>\n<style>\n{shared}{style}</style>\n</head>\n<body>",
            *body,
            "</body>\n</html>\n",
        ]
    )


def figure(title: str, words: str, drawing: str) -> str:
    """A drawing under its title and a word on how to read it."""
    return (
        f"<figure><figcaption><b>{escape(title)}</b>{escape(words)}</figcaption>{drawing}</figure>"
    )


def table_html(table: Table, mark: str = "", kind: str = "") -> str:
    """One table; the row named `mark` is set off, and the diagonal of a ``confusion``."""
    word = ' class="word"'
    head = "".join(
        f"<th{word if column < table.texts else ''}>{escape(cell)}</th>"
        for column, cell in enumerate(table.heading)
    )
    rows = []
    for number, row in enumerate(table.rows):
        cells = [f'<th scope="row">{escape(row[0])}</th>']
        for column, cell in enumerate(row[1:], start=1):
            name = word if column < table.texts else ""
            if kind == "confusion" and column == number + 1:
                name = ' class="right"'
            cells.append(f"<td{name}>{escape(minus(cell))}</td>")
        marked = ' class="main"' if row[0] == mark else ""
        rows.append(f"<tr{marked}>{''.join(cells)}</tr>")
    kind = f' class="{kind}"' if kind else ""
    return (
        f'<div class="panel scroll"><table{kind}><caption>{escape(table.title)}</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
    )


def minus(cell: str) -> str:
    """A number with a minus sign instead of a hyphen."""
    return "−" + cell[1:] if cell.startswith("-") else cell


def sentence(words: str) -> str:
    """Words with a capital and a full stop."""
    return words[:1].upper() + words[1:] + "."
