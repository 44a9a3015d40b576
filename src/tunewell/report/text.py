"""Hostile text made harmless and readable: escaped, cut with a notice, controls and bidi overrides shown by name.

Everything that comes from user data, a model or a name that somebody chose goes through `shown`
(page), `plain` (attributes and one-line labels) or `for_terminal`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from markupsafe import Markup, escape

LIMIT: Final = 700
"""Characters of one text that the report shows."""

_CONTROL: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u115f\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\uffff"
    "\ud800-\udfff\U000e0000-\U000e0fff]"
)
_NUMBER: Final = re.compile(r"\+?\d(?:[ ./()-]{0,2}\d){7,30}")
_DATE: Final = re.compile(r"\d{4}-\d{2}-\d{2}$|\d{1,2}[./]\d{1,2}[./]\d{4}$")


def shown(text: str, *, limit: int = LIMIT, marks: Sequence[str] = ()) -> Markup:
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
    limit += 0 if len(text) > limit + limit // 4 else limit // 4  # no notice for a few words
    kept, cut = text[:limit], max(len(text) - limit, 0)
    parts: list[str] = []
    at = 0
    for start, end in _ranges(kept, marks):
        parts += [visible(kept[at:start]), "<mark>", visible(kept[start:end]), "</mark>"]
        at = end
    parts.append(visible(kept[at:]))
    if cut:
        parts.append(f'<span class="cut"> … {cut:,} more characters</span>')
    return Markup("<bdi>" + "".join(parts) + "</bdi>")


def plain(text: str, *, limit: int = 160) -> str:
    r"""Text for one line or an attribute: white space joined, controls replaced, cut with an ellipsis. Not escaped.

    Example:
        >>> plain("one\n two" + chr(0x202E))
        'one two�'
    """
    line = " ".join(
        _CONTROL.sub("\N{REPLACEMENT CHARACTER}", text[: 4 * limit].replace("\r", " ")).split()
    )
    return line if len(line) <= limit and len(text) <= 4 * limit else line[: limit - 1] + "…"


def for_terminal(text: str, *, limit: int = 400) -> str:
    """Text for a terminal: no escape sequences, no overrides, one line."""
    return plain(text, limit=limit)


def without_private(text: str) -> str:
    """Text with personal data, secrets and long numbers hidden: the report may travel further than the data.

    Example:
        >>> without_private("Mail jo@okoro.net or ring 0170 555 12345 before 2026-11-20.")
        'Mail ••• or ring ••• before 2026-11-20.'
    """
    from tunewell.checks.personal.identifiers import find_personal

    for span in reversed(find_personal(text)):
        text = f"{text[: span.start]}•••{text[span.end :]}"
    return _NUMBER.sub(lambda m: m[0] if _DATE.match(m[0]) else "•" * 8, text)


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
    for mark in marks[:50]:
        if 0 < len(mark) <= len(text):
            found += [m.span() for m in re.finditer(re.escape(mark), text, re.IGNORECASE)]
    joined: list[tuple[int, int]] = []
    for start, end in sorted(found):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return joined
