"""Hostile text made harmless to look at, and spreadsheets read and written safely.

Character by character: places keep their numbers.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from contextlib import contextmanager

REPLACEMENT = 0xFFFD
LONGEST_CELL = (1 << 31) - 1
"""The greatest limit that the csv module takes on every system."""

# Unicode has a picture of each ASCII control; tab and newline are shown as they are.
_PICTURES = {control: 0x2400 + control for control in range(32)}
_PICTURES |= {0x7F: 0x2421, 0x0D: 0x2424}
del _PICTURES[0x09], _PICTURES[0x0A]

_HIDDEN = [
    range(0x80, 0xA0),  # C1 controls
    [0x061C, 0x200E, 0x200F],  # marks of direction
    range(0x202A, 0x202F),  # embeddings and overrides of direction
    range(0x2066, 0x206A),  # isolates
    [0x2028, 0x2029],  # separators of lines and paragraphs
    [0xFFF9, 0xFFFA, 0xFFFB],  # interlinear annotation
    range(0xE0000, 0xE0080),  # tag characters: text that only machines see
    range(0xD800, 0xE000),  # lone surrogates: no page can carry them
]
_TABLE = dict(_PICTURES)
for _characters in _HIDDEN:
    _TABLE |= dict.fromkeys(_characters, REPLACEMENT)


def shown(text: str) -> str:
    r"""The text as people see it: controls as pictures, what hides or turns text as ``�``.

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
    return sum(ord(character) in _TABLE for character in text)


FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""A spreadsheet would take a cell that begins so for a formula."""


def cell(value: object) -> object:
    """A value for a spreadsheet; texts that it would run as formulas are quoted with an apostrophe.

    Example:
        >>> cell("=1+1"), cell("plain"), cell(3)
        ("'=1+1", 'plain', 3)
    """
    is_formula = isinstance(value, str) and value.startswith(FORMULA)
    return f"'{value}" if is_formula else value


@contextmanager
def cells_of_any_size() -> Iterator[None]:
    """Within, a cell of a CSV file may be longer than Python's limit of 131,072 characters."""
    before = csv.field_size_limit(LONGEST_CELL)
    try:
        yield
    finally:
        csv.field_size_limit(before)
