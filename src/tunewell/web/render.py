"""From values to pages: every text is escaped, hidden characters are shown."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse

from tunewell.people import Mark, MarkedSpan, Session, hidden, shown
from tunewell.types import Estimate
from tunewell.web.access import room_of

MOST_SHOWN = 60_000
"""Characters of one text that are laid on the page at once; the rest is a link away."""


def page(
    request: Request,
    template: str,
    session: Session | None = None,
    *,
    status: int = 200,
    **values: Any,
) -> HTMLResponse:
    """A page from a template; ``me`` and ``csrf`` come from the session."""
    room = room_of(request)
    filled = room.pages.get_template(template).render(
        me=session.account if session else None,
        csrf=session.csrf if session else "",
        path=request.url.path,
        project=room.file.spec.task.name,
        version=room.version,
        **FUNCTIONS,
        **values,
    )
    return HTMLResponse(filled, status_code=status)


def blocks(text: str) -> list[tuple[str, list[str]]]:
    r"""A guideline as headings, lists and paragraphs: ``[("h", [text]), ("ul", [item, …]), ("p", [text])]``.

    Example:
        >>> blocks("# Amounts\n- with currency\n- as written\n\nElse ask.")
        [('h', ['Amounts']), ('ul', ['with currency', 'as written']), ('p', ['Else ask.'])]
    """
    out: list[tuple[str, list[str]]] = []
    for line in text.splitlines():
        clean = line.strip()
        if not clean:
            out.append(("gap", []))
        elif clean.startswith("#"):
            out.append(("h", [clean.lstrip("#").strip()]))
        elif re.match(r"[-*] ", clean):
            if out and out[-1][0] == "ul":
                out[-1][1].append(clean[2:].strip())
            else:
                out.append(("ul", [clean[2:].strip()]))
        elif out and out[-1][0] == "p":
            out[-1][1][0] += " " + clean
        else:
            out.append(("p", [clean]))
    return [b for b in out if b[0] != "gap"]


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
    if share:
        texts = [f"{100 * x:.0f}" for x in (estimate.value, estimate.low, estimate.high)]
        return {"value": f"{texts[0]} %", "interval": f"[{texts[1]}, {texts[2]}]"}
    texts = [f"{x:.2f}" for x in (estimate.value, estimate.low, estimate.high)]
    return {"value": texts[0], "interval": f"[{texts[1]}, {texts[2]}]"}


def bar(estimate: Estimate, low: float, high: float) -> dict[str, float]:
    """Places of value and interval on a bar 0 … 100 wide."""

    def place(x: float) -> float:
        return round(4 + 92 * (min(max(x, low), high) - low) / (high - low), 2)

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
    cuts = sorted(
        {0, len(text), *(p for m in marks for p in (m.start, m.end) if 0 < p < len(text))}
    )
    out: list[tuple[str, Mark | None]] = []
    for start, end in pairwise(cuts):
        here = [m for m in marks if m.start < end and start < m.end]
        out.append(
            (text[start:end], min(here, key=lambda m: m.kind == "unsupported") if here else None)
        )
    return out


def to_json(value: object) -> str:
    """JSON for a data attribute; the template escapes it."""
    return json.dumps(value, ensure_ascii=True)


def said_spans(spans: Sequence[MarkedSpan]) -> list[tuple[int, int, str]]:
    """Marks as plain lists, for the script."""
    return [(s.start, s.end, s.label) for s in spans]


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
    "most_shown": MOST_SHOWN,
}
