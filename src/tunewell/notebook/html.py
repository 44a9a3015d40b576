"""Results as small pages for notebooks: escaped, without script, network or fixed colours."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from markupsafe import Markup

from tunewell.report.safe_text import shown

_TABLE: Final = "border-collapse:collapse;margin:.4em 0"
_CELL: Final = "text-align:left;vertical-align:top;padding:.2em .8em .2em 0"
_LONGEST: Final = 300


def text(value: object) -> Markup:
    """Anything as escaped text, cut where it is long."""
    return shown(str(value), limit=_LONGEST)


def heading(value: object) -> Markup:
    """A line that stands above the rest."""
    return Markup("<p><strong>{}</strong></p>").format(text(value))


def line(value: object) -> Markup:
    """A paragraph."""
    return Markup("<p>{}</p>").format(text(value))


def table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> Markup:
    """A table; every cell is escaped.

    Args:
        columns: Its head.
        rows: A cell for each column. A cell that is `Markup` already stays as it is.

    Example:
        >>> "<script>" in table(["name"], [["<script>alert(1)</script>"]])
        False
    """
    cell = Markup('<td style="{}">{}</td>')
    head = Markup('<th scope="col" style="{}">{}</th>')
    lines = [Markup("").join(head.format(_CELL, text(name)) for name in columns)]
    for row in rows:
        cells = [value if isinstance(value, Markup) else text(value) for value in row]
        lines.append(Markup("").join(cell.format(_CELL, value) for value in cells))
    body = Markup("").join(Markup("<tr>{}</tr>").format(each) for each in lines)
    return Markup('<table style="{}">{}</table>').format(_TABLE, body)


def several(parts: Iterable[Markup]) -> Markup:
    """Parts below each other."""
    return Markup("<div>{}</div>").format(Markup("").join(parts))
