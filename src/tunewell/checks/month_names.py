"""Names of months in the larger languages (Unicode CLDR), written out and shortened."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Iterable, Mapping
from importlib import resources

_EVERYDAY = {"sept": 9, "febr": 2, "mrz": 3, "okt": 10, "aout": 8, "fevrier": 2, "decembre": 12}
"""Forms that people write and CLDR does not list."""
_ROMAN = "i ii iii iv v vi vii viii ix x xi xii".split()
ROMAN_MONTHS: Mapping[str, int] = {name: number for number, name in enumerate(_ROMAN, start=1)}


@functools.cache
def _by_name() -> dict[str, dict[str, int]]:
    """Each name to its number in every language that has it."""
    text = resources.files("tunewell.checks").joinpath("month_names.txt").read_text("utf-8")
    found: dict[str, dict[str, int]] = {}
    for line in text.splitlines():
        language, _, months = line.partition(": ")
        if line.startswith("#"):
            continue
        for number, forms in enumerate(months.split(), start=1):
            for form in forms.split("|"):
                found.setdefault(form.replace("_", " "), {})[language] = number
    for form, number in _EVERYDAY.items():
        found.setdefault(form, {"en": number})
    return found


def is_month(name: str) -> bool:
    """Whether some language calls a month so.

    Example:
        >>> is_month("März"), is_month("marca"), is_month("table")
        (True, True, False)
    """
    return name.lower().rstrip(".") in _by_name()


def every_month() -> list[str]:
    """The names of months in all languages, each once, sorted."""
    return sorted(_by_name())


def languages_of(names: Iterable[str]) -> Counter[str]:
    """How many of the names are months in each language."""
    return Counter(language for name in names for language in _numbers(name))


def month_number(name: str, spoken: Mapping[str, int]) -> int | None:
    """The number of a month; None where languages differ and nothing shows which one is meant.

    Args:
        name: In any case; a full stop after it is ignored.
        spoken: How many names of the same column are months in each language.

    Example:
        >>> month_number("März", {}), month_number("listopad", {})
        (3, None)
        >>> month_number("listopad", {"pl": 3})
        11
    """
    numbers = _numbers(name)
    if len(set(numbers.values())) <= 1:
        return next(iter(numbers.values()), None)

    most = max(spoken.get(language, 0) for language in numbers)
    likely = {number for language, number in numbers.items() if spoken.get(language, 0) == most}
    return likely.pop() if len(likely) == 1 else None


def _numbers(name: str) -> dict[str, int]:
    return _by_name().get(name.lower().rstrip("."), {})
