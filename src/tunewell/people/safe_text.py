"""Hostile text made harmless to look at, character by character, so that places in it keep their numbers."""

from __future__ import annotations

_PICTURES = {n: 0x2400 + n for n in range(32) if n not in (9, 10)} | {0x7F: 0x2421}
_HIDDEN = (
    set(range(0x80, 0xA0))  # C1 controls
    | {0x061C, 0x200E, 0x200F}  # marks of direction
    | set(range(0x202A, 0x202F))  # embeddings and overrides of direction
    | set(range(0x2066, 0x206A))  # isolates
    | {0x2028, 0x2029, 0xFFF9, 0xFFFA, 0xFFFB}
    | set(range(0xE0000, 0xE0080))  # tag characters: text that only machines see
    | set(range(0xD800, 0xE000))  # lone surrogates: no page can carry them
)
_TABLE = {**_PICTURES, **dict.fromkeys(_HIDDEN, 0xFFFD), 0x0D: 0x2424}


def shown(text: str) -> str:
    r"""The text as people see it: controls as pictures, hidden and direction-turning characters as ``�``.

    Every character becomes exactly one, so marks made on what is shown hold for the text itself.

    Example:
        >>> shown("a\u202eb\x00")
        'a�b␀'
    """
    return text.translate(_TABLE)


def hidden(text: str) -> int:
    r"""How many characters `shown` had to replace.

    Example:
        >>> hidden("plain"), hidden("a\u202eb\x00")
        (0, 2)
    """
    return sum(ord(c) in _TABLE for c in text)


FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""A spreadsheet would take a cell that begins so for a formula."""


def cell(value: object) -> object:
    """A value for a spreadsheet; texts that it would run as formulas are quoted with an apostrophe.

    Example:
        >>> cell("=1+1"), cell("plain"), cell(3)
        ("'=1+1", 'plain', 3)
    """
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value
