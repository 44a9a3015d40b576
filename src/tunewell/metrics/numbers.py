"""Numbers in digits: where they stand in a text, and one writing for all ways to write one."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from tunewell.metrics.characters import UNSPACED

DECIMAL_COMMA = frozenset(
    "be bg ca cs da de el es et eu fi fr gl hr hu id is it kk lt lv mk nb nl nn no pl pt ro ru sk "
    "sl sq sr sv tr uk vi".split()
)
"""Languages (ISO 639-1) that write 12,50 for twelve and a half (CLDR)."""
SPACE_GROUPED = frozenset("be bg cs es et fi fr hu kk lt lv nb nn no pl pt ru sk sv uk".split())
"""Languages that may write 1 000 for a thousand, with a plain space (CLDR)."""

NUMBER = re.compile(r"(?<![\w.,])\d+(?:[.,'’\u00a0\u202f]\d+)*(?!\d)")
WRITTEN: Final = re.compile(
    rf"(?:(?<![\w.,])|(?<=[{UNSPACED}]))"
    r"(?:\d+(?:[.,'’\u00a0\u2009\u202f]\d+)*|\.\d+)"
    r"(?P<exponent>e[+-]?\d{1,2}(?!\w))?(?!\d)"
)
"""As `NUMBER`, also ``.5`` and ``1e3``, and right behind a word of a script without spaces."""

_SPACERS = re.compile(r"(?<=\d)['’\u00a0\u2009\u202f](?=\d)")
_MARK = re.compile(r"[.,]")
_GROUPED = re.compile(r"(?!0[.,])\d{1,3}(?:[.,]\d{3})+")
"""Thousands, millions … divided by marks."""
_INDIAN = re.compile(r"(?!0,)\d{1,2}(?:,\d{2})+,\d{3}")
"""Lakhs and crores: 1,00,000."""
_SPACED = re.compile(r"(?<![\w.,])[1-9]\d{0,2}(?: \d{3})+(?![\d])(?! \d)")


@dataclass(frozen=True)
class _Digits:
    """A number, as far as its marks say what they are.

    Attributes:
        whole: Digits before the decimal mark.
        rest: Digits behind it.
        quantity: Whether it is surely an amount, not a chapter or a version: it is grouped.
    """

    whole: str
    rest: str = ""
    quantity: bool = False

    def by_value(self) -> str:
        """Without the zeros that do not change its value."""
        whole = self.whole.lstrip("0") or "0"
        rest = self.rest.rstrip("0")
        return f"{whole}.{rest}" if rest else whole

    def as_written(self) -> str:
        """With the zeros at its ends, unless it is surely an amount."""
        if self.quantity:
            return self.by_value()
        return f"{self.whole}.{self.rest}" if self.rest else self.whole


def canonical_number(text: str, *, comma: bool = False) -> str:
    """A number by its value; what is no single number (a version, a dotted date) as it is.

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
    # What is longer may be a code, whose zeros count.
    if len(text) > 3 and text.isdigit():
        return text
    digits = _digits(text, comma=comma)
    return digits.by_value() if digits else text


def written_number(match: re.Match[str], *, comma: bool = False) -> str:
    """A number in plain writing that keeps what its writing may mean: zeros at its ends.

    Args:
        match: Of `WRITTEN`.
        comma: As for `canonical_number`.

    Example:
        >>> texts = ("4.10", "007", ".5", "1,00,000", "1e3", "1,200.00")
        >>> [WRITTEN.sub(written_number, text) for text in texts]
        ['4.10', '007', '0.5', '100000', '1000', '1200']
    """
    text = match.group()
    exponent = match["exponent"] or ""
    number = text.removesuffix(exponent)
    plain = _SPACERS.sub("", number)
    digits = _digits(plain, comma=comma)
    if digits is None:
        return plain + exponent
    if exponent:
        value = Decimal(digits.by_value() + exponent)
        return f"{value:f}" if value != value.to_integral() else str(int(value))
    if plain != number:
        digits = _Digits(digits.whole, digits.rest, quantity=True)
    return digits.as_written()


def _digits(text: str, *, comma: bool) -> _Digits | None:
    """The parts of a number; None where its marks divide something else."""
    if text.startswith("."):
        return _Digits("0", text[1:])
    if _INDIAN.fullmatch(text):
        return _Digits(text.replace(",", ""), quantity=True)
    marks = set(_MARK.findall(text))
    if not marks:
        return _Digits(text)
    if len(marks) == 2:
        # The mark that stands last is the decimal one.
        decimal = _MARK.findall(text)[-1]
        whole, _, rest = text.rpartition(decimal)
        grouped = whole.replace("," if decimal == "." else ".", "")
        return _Digits(grouped, rest, quantity=True) if grouped.isdigit() else None
    return _with_one_mark(text, marks.pop(), thousands="." if comma else ",")


def _with_one_mark(text: str, mark: str, *, thousands: str) -> _Digits | None:
    parts = text.split(mark)
    is_grouped = _GROUPED.fullmatch(text) is not None
    if len(parts) > 2:
        return _Digits("".join(parts), quantity=True) if is_grouped else None
    if is_grouped and mark == thousands:
        return _Digits("".join(parts), quantity=True)
    whole, rest = parts
    return _Digits(whole, rest)


def without_group_spaces(text: str, language: str) -> str:
    r"""Digits that plain spaces group, written together, where a language writes so.

    Example:
        >>> without_group_spaces("12 500 kr", "sv"), without_group_spaces("rooms 12 500", "en")
        ('12\xa0500 kr', 'rooms 12 500')
    """
    if language not in SPACE_GROUPED:
        return text
    return _SPACED.sub(lambda match: match.group().replace(" ", "\u00a0"), text)
