"""Numbers in digits: where they stand in a text, and one writing for all ways to write one."""

from __future__ import annotations

import re

DECIMAL_COMMA = frozenset("cs da de es fi fr it nb nl no pl pt ru sv tr".split())
"""Languages (ISO 639-1) that write 12,50 for twelve and a half."""

NUMBER = re.compile(r"(?<![\w.,])\d+(?:[.,'’\u00a0\u202f]\d+)*(?!\d)")

_SPACERS = re.compile(r"(?<=\d)['’\u00a0\u202f](?=\d)")
_MARK = re.compile(r"[.,]")
_GROUPED = re.compile(r"(?!0[.,])\d{1,3}(?:[.,]\d{3})+")
"""Thousands, millions … divided by marks."""


def canonical_number(text: str, *, comma: bool = False) -> str:
    """A number in plain writing; what is no single number (a version, a dotted date) as it is.

    Args:
        text: Digits with separators between them.
        comma: Whether a lone comma before three digits is a decimal comma.

    Example:
        >>> [canonical_number(text) for text in ("1,234.50", "1.234,50", "1,234")]
        ['1234.5', '1234.5', '1234']
        >>> [canonical_number(text) for text in ("12.00", "1,5", "2.1.3")]
        ['12', '1.5', '2.1.3']
        >>> canonical_number("1,234", comma=True)
        '1.234'
    """
    text = _SPACERS.sub("", text)
    marks = set(_MARK.findall(text))
    if not marks:
        # What is longer may be a code, whose zeros count.
        return _plain(text) if len(text) <= 3 else text
    if len(marks) == 2:
        # The mark that stands last is the decimal one.
        decimal = _MARK.findall(text)[-1]
        whole, _, rest = text.rpartition(decimal)
        digits = _MARK.sub("", whole)
        return _plain(digits, rest)
    return _with_one_mark(text, marks.pop(), thousands="." if comma else ",")


def _with_one_mark(text: str, mark: str, *, thousands: str) -> str:
    parts = text.split(mark)
    is_grouped = _GROUPED.fullmatch(text) is not None
    if len(parts) > 2:
        return _plain("".join(parts)) if is_grouped else text
    if is_grouped and mark == thousands:
        return _plain("".join(parts))
    return _plain(*parts)


def _plain(whole: str, rest: str = "") -> str:
    """Whole part and decimals without zeros that say nothing."""
    whole = whole.lstrip("0") or "0"
    rest = rest.rstrip("0")
    return f"{whole}.{rest}" if rest else whole
