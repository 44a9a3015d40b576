"""Dates that are written out or with dots."""

from __future__ import annotations

import re
from collections.abc import Iterator

_MONTH_NAMES = """
january jan januar janvier enero gennaio
february feb februar février fevrier febrero febbraio
march mar märz mars marzo
april apr avril abril aprile
may mai mayo maggio
june jun juni juin junio giugno
july jul juli juillet julio luglio
august aug août aout agosto
september sep sept septembre septiembre settembre
october oct oktober okt octobre octubre ottobre
november nov novembre noviembre
december dec dezember dez décembre decembre diciembre dicembre
"""


def _months() -> dict[str, int]:
    """Months as they are written out or shortened, in small letters, to their numbers."""
    found: dict[str, int] = {}
    for number, names in enumerate(_MONTH_NAMES.strip().splitlines(), start=1):
        found |= dict.fromkeys(names.split(), number)
    return found


_MONTHS = _months()
_LONGEST_FIRST = sorted(map(re.escape, _MONTHS), key=len, reverse=True)
_MONTH = rf"(?P<month>{'|'.join(_LONGEST_FIRST)})"
_DAY = r"(?P<day>\d{1,2})"
_YEAR = r"(?P<year>\d{4})"
_PATTERNS = (
    # 3 March 2026, 3rd of March, 2026, 3. März 2026, 3 de marzo de 2026
    re.compile(
        rf"\b{_DAY}(?:st|nd|rd|th|\.)?\s+(?:of\s+|de\s+)?{_MONTH}\.?,?\s+(?:de\s+)?{_YEAR}\b"
    ),
    # March 3rd, 2026
    re.compile(rf"\b{_MONTH}\.?\s+{_DAY}(?:st|nd|rd|th)?,?\s+{_YEAR}\b"),
    # 03.03.2026
    re.compile(rf"(?<!\d){_DAY}\.\s?(?P<month>0?\d|1[0-2])\.\s?{_YEAR}(?!\d)"),
    # 2026-03-03
    re.compile(rf"(?<!\d){_YEAR}-(?P<month>\d{{2}})-(?P<day>\d{{2}})(?!\d)"),
)

_DIGIT = re.compile(r"\d")

WrittenDate = tuple[int, int, str]
"""Start, end, ISO date."""


def dates_in(text: str) -> Iterator[WrittenDate]:
    """Dates written out or with dots, as (start, end, ISO date), not in order.

    Example:
        >>> list(dates_in("due on 3 March 2026 or 04.05.2026"))
        [(7, 19, '2026-03-03'), (23, 33, '2026-05-04')]
    """
    if not _DIGIT.search(text):
        return
    lower = text.lower()
    if len(lower) != len(text):
        # A few letters change length; then keep positions.
        lower = text
    for pattern in _PATTERNS:
        for match in pattern.finditer(lower):
            yield *match.span(), _iso(match)


def _iso(match: re.Match[str]) -> str:
    month = match["month"]
    number = _MONTHS[month] if month in _MONTHS else int(month)
    day = int(match["day"])
    return f"{match['year']}-{number:02d}-{day:02d}"
