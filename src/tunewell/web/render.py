"""From values to pages: every text is escaped, hidden characters are shown."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse

from tunewell.people import Batch, Mark, MarkedSpan, Session, hidden, shown
from tunewell.types import Estimate
from tunewell.web.context import context_of
from tunewell.web.menu import menu_of

MOST_SHOWN = 60_000
"""Characters of one text that are shown on a page; the rest is a link away."""

BAR_MARGIN = 4
"""Free space at both ends of a bar that is 100 wide."""


def page(
    request: Request,
    template: str,
    session: Session | None = None,
    *,
    status: int = 200,
    **values: Any,
) -> HTMLResponse:
    """A page from a template; ``me`` and ``csrf`` come from the session."""
    context = context_of(request)
    filled = context.templates.get_template(template).render(
        me=session.account if session else None,
        csrf=session.csrf if session else "",
        path=request.url.path,
        menu=menu_of(session.account.role, request.url.path) if session else None,
        project=context.file.spec.task.name,
        version=context.version,
        **FUNCTIONS,
        **values,
    )
    return HTMLResponse(filled, status_code=status)


def blocks(text: str) -> list[tuple[str, list[str]]]:
    r"""A guideline as headings (``h``), lists (``ul``) and paragraphs (``p``), each with its lines.

    Example:
        >>> blocks("# Amounts\n- with currency\n- as written\n\nElse ask.")
        [('h', ['Amounts']), ('ul', ['with currency', 'as written']), ('p', ['Else ask.'])]
    """
    found: list[tuple[str, list[str]]] = []
    before = ""
    for line in text.splitlines():
        kind, words = _kind_of(line)
        if kind == before == "ul":
            found[-1][1].append(words)
        elif kind == before == "p":
            found[-1][1][0] += " " + words
        elif kind:
            found.append((kind, [words]))
        before = kind
    return found


def _kind_of(line: str) -> tuple[str, str]:
    """What a line of a guideline is, empty if it is blank, and its words."""
    words = line.strip()
    if words.startswith("#"):
        return "h", words.lstrip("#").strip()
    if words.startswith(("- ", "* ")):
        return "ul", words[2:].strip()
    return "p" if words else "", words


def minutes(value: float) -> str:
    """A time in words.

    Example:
        >>> minutes(0.4), minutes(12.2), minutes(75)
        ('about a minute', 'about 12 minutes', 'about 1 h 15 min')
    """
    if value < 1.5:
        return "about a minute"
    if value < 60:
        return f"about {value:.0f} minutes"
    hours, rest = divmod(round(value), 60)
    return f"about {hours} h {rest:02} min"


def figure(estimate: Estimate | None, *, share: bool = False) -> dict[str, str]:
    """Value and interval as text: percent where the figure is a share."""
    if estimate is None:
        return {"value": "–", "interval": ""}
    factor, digits, unit = (100, 0, " %") if share else (1, 2, "")
    figures = (estimate.value, estimate.low, estimate.high)
    value, low, high = (f"{factor * figure:.{digits}f}" for figure in figures)
    return {
        "value": value + unit,
        "interval": f"[{low}, {high}]",
    }


def bar(estimate: Estimate, low: float, high: float) -> dict[str, float]:
    """Places of value and interval on a bar 0 … 100 wide."""

    def place(figure: float) -> float:
        inside = min(max(figure, low), high)
        share = (inside - low) / (high - low)
        width = 100 - 2 * BAR_MARGIN
        return round(BAR_MARGIN + width * share, 2)

    return {
        "value": place(estimate.value),
        "low": place(estimate.low),
        "high": place(estimate.high),
    }


def segments(text: str, marks: Sequence[Mark]) -> list[tuple[str, Mark | None]]:
    """A text cut into stretches with their mark.

    Where two marks meet, what facts say goes before what is unsupported.

    Example:
        >>> mark = Mark(start=4, end=6, kind="unsupported", why="not there")
        >>> [(t, m.kind if m else "") for t, m in segments("Pay 48 now", [mark])]
        [('Pay ', ''), ('48', 'unsupported'), (' now', '')]
    """
    cuts = {0, len(text)}
    for mark in marks:
        ends = (mark.start, mark.end)
        cuts.update(end for end in ends if 0 < end < len(text))

    found: list[tuple[str, Mark | None]] = []
    for start, end in pairwise(sorted(cuts)):
        here = [mark for mark in marks if mark.start < end and start < mark.end]
        here.sort(key=lambda mark: mark.kind == "unsupported")
        first = here[0] if here else None
        found.append((text[start:end], first))
    return found


def score(batch: Batch, criterion: str, value: float) -> str:
    """A verdict on a criterion in words: yes or no, or points of five."""
    scales = {known.name: known.scale for known in batch.rubric}
    if scales.get(criterion) == "yes/no":
        return "yes" if value else "no"
    return f"{value:g} of 5" if criterion in scales else f"{value:g}"


def to_json(value: object) -> str:
    """JSON for a data attribute; the template escapes it."""
    return json.dumps(value, ensure_ascii=True)


def said_spans(spans: Sequence[MarkedSpan]) -> list[tuple[int, int, str]]:
    """Marks as plain lists, for the script."""
    return [(span.start, span.end, span.label) for span in spans]


FUNCTIONS: dict[str, Any] = {
    "shown": shown,
    "hidden": hidden,
    "blocks": blocks,
    "minutes": minutes,
    "figure": figure,
    "bar": bar,
    "to_json": to_json,
    "said_spans": said_spans,
    "segments": segments,
    "score": score,
    "most_shown": MOST_SHOWN,
}
