"""Hostile text made harmless and readable.

Escaped, cut with a notice, controls and bidi overrides shown by name.

Everything that comes from user data, a model or a name that somebody chose goes through `shown`
(page), `plain` (attributes and one-line labels) or `for_terminal`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from markupsafe import Markup, escape

from tunewell.plurals import plural

LIMIT: Final = 700
"""Characters of one text that the report shows."""

MOST_MARKS: Final = 50
"""Passages that are looked for in one text."""

_CONTROL: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u115f\u180e\u200b-\u200f\u2028-\u202e"
    "\u2060-\u206f\ufeff\ufff9-\uffff\ud800-\udfff\U000e0000-\U000e0fff]"
)
_NUMBER: Final = re.compile(r"\+?\d(?:[ ./()-]{0,2}\d){7,30}")
_DATE: Final = re.compile(r"\d{4}-\d{2}-\d{2}$|\d{1,2}[./]\d{1,2}[./]\d{4}$")


def shown(
    text: str,
    *,
    limit: int = LIMIT,
    marks: Sequence[str] = (),
) -> Markup:
    """Text as HTML: escaped, isolated from the direction of its surroundings, with passages marked.

    Args:
        text: Anything.
        limit: Characters kept; what is cut is said.
        marks: Passages to highlight wherever they occur (case ignored).

    Example:
        >>> shown("<b>Back by 14:30</b>", marks=["14:30"])
        Markup('<bdi>&lt;b&gt;Back by <mark>14:30</mark>&lt;/b&gt;</bdi>')
        >>> shown("a" * 5, limit=2)
        Markup('<bdi>aa<span class="cut"> … 3 more characters</span></bdi>')
    """
    kept, cut = _cut(text, limit)
    parts: list[str] = []
    at = 0
    for start, end in _ranges(kept, marks):
        parts.append(visible(kept[at:start]))
        parts.append(f"<mark>{visible(kept[start:end])}</mark>")
        at = end
    parts.append(visible(kept[at:]))
    if cut:
        notice = plural(cut, "more character", "more characters")
        parts.append(f'<span class="cut"> … {notice}</span>')
    return Markup("<bdi>" + "".join(parts) + "</bdi>")


def _cut(text: str, limit: int) -> tuple[str, int]:
    """A text of so many characters, and how many were cut; a few more than allowed are left."""
    tolerated = limit + limit // 4
    if len(text) <= tolerated:
        return text, 0
    return text[:limit], len(text) - limit


def plain(text: str, *, limit: int = 160) -> str:
    r"""Text for one line or an attribute, not escaped.

    White space is joined, controls are replaced, the rest is cut with an ellipsis.

    Example:
        >>> plain("one\n two" + chr(0x202E))
        'one two�'
    """
    most = 4 * limit
    start = text[:most].replace("\r", " ")
    readable = _CONTROL.sub("\N{REPLACEMENT CHARACTER}", start)
    line = " ".join(readable.split())
    if len(line) <= limit and len(text) <= most:
        return line
    return line[: limit - 1] + "…"


def for_terminal(text: str, *, limit: int = 400) -> str:
    """Text for a terminal: no escape sequences, no overrides, one line."""
    return plain(text, limit=limit)


def without_private(text: str) -> str:
    """Text with personal data, secrets and long numbers hidden.

    The report may travel further than the data.

    Example:
        >>> without_private("Mail jo@okoro.net or ring 0170 555 12345 before 2026-11-20.")
        'Mail ••• or ring ••• before 2026-11-20.'
    """
    from tunewell.checks.personal.identifiers import find_personal

    for span in reversed(find_personal(text)):
        text = f"{text[: span.start]}•••{text[span.end :]}"
    return _NUMBER.sub(_without_number, text)


def _without_number(match: re.Match[str]) -> str:
    return match[0] if _DATE.match(match[0]) else "•" * 8


def visible(text: str) -> str:
    """Text escaped for HTML, controls and direction overrides shown by name.

    With neither isolation nor limit.
    """
    parts: list[str] = []
    at = 0
    for match in _CONTROL.finditer(text):
        parts.append(str(escape(text[at : match.start()])))
        parts.append(f'<span class="ctl">U+{ord(match[0]):04X}</span>')
        at = match.end()
    parts.append(str(escape(text[at:])))
    return "".join(parts)


def _ranges(text: str, marks: Sequence[str]) -> list[tuple[int, int]]:
    """Where the marks occur, in order, overlaps joined."""
    found: list[tuple[int, int]] = []
    for mark in marks[:MOST_MARKS]:
        if 0 < len(mark) <= len(text):
            pattern = re.compile(re.escape(mark), re.IGNORECASE)
            found += [match.span() for match in pattern.finditer(text)]
    joined: list[tuple[int, int]] = []
    for start, end in sorted(found):
        if joined and start <= joined[-1][1]:
            first, last = joined.pop()
            joined.append((first, max(end, last)))
        else:
            joined.append((start, end))
    return joined
