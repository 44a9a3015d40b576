"""English number words as digits: ``twenty six``, ``two thousand and nine``, ``nineteen ninety two``."""

from __future__ import annotations

import re
from typing import Final

_ONES: Final = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen"
).split()
_TENS: Final = "twenty thirty forty fifty sixty seventy eighty ninety".split()
_ORDINALS: Final = (
    "zeroth first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth "
    "fifteenth sixteenth seventeenth eighteenth nineteenth"
).split()
VALUES: Final[dict[str, int]] = (
    {w: i for i, w in enumerate(_ONES)}
    | {w: 10 * (i + 2) for i, w in enumerate(_TENS)}
    | {w: i for i, w in enumerate(_ORDINALS)}
    | {f"{w[:-1]}ieth": 10 * (i + 2) for i, w in enumerate(_TENS)}
)
_SCALES: Final = {"hundred": 100, "thousand": 1000, "million": 1_000_000}
_ENDING: Final = frozenset(_ORDINALS) | {f"{w[:-1]}ieth" for w in _TENS}
_WORD: Final = "|".join(sorted([*VALUES, *_SCALES], key=len, reverse=True))
_RUN: Final = re.compile(rf"\b(?:{_WORD})(?:[\s-]+(?:and[\s-]+)?(?:{_WORD}))*\b")


def spoken_numbers(text: str) -> list[str]:
    """Every number said in words, as digits, in order.

    Of two-digit pairs also the year that they may mean.

    Args:
        text: Lower case.

    Example:
        >>> spoken_numbers("twenty six, five hundred and three or two thousand nine")
        ['26', '503', '2009']
        >>> spoken_numbers("in nineteen ninety two, on the twenty first")
        ['19', '92', '1992', '21']
    """
    return [value for run in _RUN.finditer(text) for value in _values(run.group(), years=True)]


def with_digits(text: str) -> str:
    """The text with cardinal number words as digits.

    Args:
        text: Lower case.

    Example:
        >>> with_digits("within twenty-one days, or one hundred and ten of the first")
        'within 21 days, or 110 of the first'
    """

    def digits(run: re.Match[str]) -> str:
        if any(w in _ENDING for w in re.split(r"[\s-]+", run.group())):
            return run.group()
        return " ".join(_values(run.group(), years=False))

    return _RUN.sub(digits, text)


def _values(run: str, *, years: bool) -> list[str]:
    """The numbers of one run of number words."""
    found: list[int] = []
    total = current = 0
    fresh = True  # nothing said of this number yet
    for word in re.split(r"[\s-]+", run):
        if word == "and":
            continue
        scale = _SCALES.get(word)
        if scale == 100:
            current = (current or 1) * 100
        elif scale:
            total, current = total + (current or 1) * scale, 0
        else:
            value = VALUES[word]
            fits = (current % 100 == 0 and (current > 0 or total > 0)) or (
                current % 10 == 0 and current % 100 >= 20 > value
            )
            if not fresh and not (fits and (current % 100 == 0 or value < 10) and value > 0):
                found.append(total + current)
                total = current = 0
            current += value
        fresh = False
    found.append(total + current)
    out: list[str] = []
    for i, value in enumerate(found):
        out.append(str(value))
        if years and i and 13 <= found[i - 1] <= 20 and 10 <= value <= 99:
            out.append(str(100 * found[i - 1] + value))
    return out
