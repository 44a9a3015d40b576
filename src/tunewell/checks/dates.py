"""The day that a text speaks for, from its own words, with how certain that is (pitfall D06)."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from tunewell.checks.month_names import month_number

Certainty = Literal["stated", "likely"]

_MONTH = r"[^\W\d_]{3,12}"
"""May be a month's name; which one it is, is looked up."""
_DATES = (
    re.compile(r"(?<![\d.-])(?P<y>(?:19|20)\d\d)-(?P<m>\d\d)-(?P<d>\d\d)(?![\d-])"),
    re.compile(r"(?<![\d.])(?P<d>\d{1,2})\.(?P<m>\d{1,2})\.(?P<y>(?:19|20)\d\d)(?![\d.])"),
    re.compile(
        rf"(?i)\b(?P<d>\d{{1,2}})(?:st|nd|rd|th|\.)?\s+(?:of\s+|de\s+)?(?P<M>{_MONTH})"
        r"\.?,?\s+(?:de\s+)?(?P<y>(?:19|20)\d\d)\b"
    ),
    re.compile(
        rf"(?i)\b(?P<M>{_MONTH})\.?\s+(?P<d>\d{{1,2}})(?:st|nd|rd|th)?,?\s+(?P<y>(?:19|20)\d\d)\b"
    ),
    re.compile(rf"(?i)\b(?P<M>{_MONTH})\.?,?\s+(?:of\s+|de\s+)?(?P<y>(?:19|20)\d\d)\b"),
)
_STATES = re.compile(
    r"(?i)\b(?:as of|as at|last (?:updated?|modified|reviewed|revised)|updated?(?: on)?|"
    r"published(?: on)?|date(?=:)|posted(?: on)?|version of|stand(?: vom)?|"
    r"veröffentlicht(?: am)?|"
    r"zuletzt (?:aktualisiert|geändert)(?: am)?|mis à jour le|publié le|actualizado el|"
    r"publicado el|"
    r"aggiornato il|pubblicato il|atualizado em|bijgewerkt op|zaktualizowano|"
    r"knowledge cut-?off(?: is| date is| in)?|"
    r"my last (?:update|training)(?: was| in| on)?|training data (?:up to|until|ends in)|"
    r"current as of)"
    r"\W{0,4}(?:is |was |in |on |the )?$"
)
_YEAR = re.compile(
    r"(?i)\b(?:as of|last updated?(?: in)?|knowledge cut-?off(?: is| date is| in)?|"
    r"my last (?:update|training)(?: was)?(?: in)?|"
    r"training data (?:up to|until|ends in)|current as of|up to)\W{0,3}(?:in )?"
    r"(?P<y>(?:19|20)\d\d)\b(?![-./]\d)"
)

_CUT_OFF = re.compile(
    r"(?i)\b(?:(?:as of|since|until|up to) )?my (?:last |latest )?(?:knowledge |training )?"
    r"(?:update|cut-?off|training data)\b"
    r"|\bmy (?:knowledge|training)(?: data)? (?:only )?"
    r"(?:goes|extends|ends|stops|is limited|was last updated|has a cut-?off)"
    r"|\bknowledge cut-?off\b"
    r"|\bmeines? letzten? (?:updates?|wissensstands?|trainings?)\b|\bmein wissensstand\b"
)


@dataclass(frozen=True, slots=True)
class Dated:
    """A date in a text.

    Attributes:
        day: The day; the last of the month or year where only that is given.
        certainty: ``stated`` (the text says that it speaks for this day: "as of", "last updated",
            "published") or ``likely`` (the only date in it, or the newest of several).
        evidence: The words.
    """

    day: dt.date
    certainty: Certainty
    evidence: str


def find_cut_off(text: str) -> str:
    """The words with which an answer speaks of its model's own cut-off date; empty if it does not.

    Such a row teaches a cut-off that is not the tuned model's.

    Example:
        >>> find_cut_off("As of my last update in 2021, the fee is 3 euros.")
        'As of my last update'
    """
    match = _CUT_OFF.search(text)
    return match[0] if match else ""


def find_date(text: str) -> Dated | None:
    """The day that a text speaks for, if it gives one.

    Example:
        >>> find_date("Prices as of 1 March 2021: 24 cents. Offer ends 31.12.2021.")
        Dated(day=datetime.date(2021, 3, 1), certainty='stated', evidence='as of 1 March 2021')
        >>> find_date("Call us on 12.5.") is None
        True
    """
    if "19" not in text and "20" not in text:
        return None
    found = list(_all(text[:20_000]))
    stated = [dated for dated in found if dated.certainty == "stated"]
    return max(stated or found, key=lambda dated: dated.day, default=None)


def _all(text: str) -> Iterator[Dated]:
    """Every date of a text, of two that overlap the one of the earlier pattern."""
    taken: list[tuple[int, int]] = []
    for pattern in _DATES:
        for match in pattern.finditer(text):
            start, end = match.span()
            day = _day(match)
            overlaps = any(start < other_end and other < end for other, other_end in taken)
            if day is None or overlaps:
                continue

            taken.append((start, end))
            yield _dated(text, match, day)

    for match in _YEAR.finditer(text):
        yield Dated(dt.date(int(match["y"]), 12, 31), "stated", match[0])


def _dated(text: str, match: re.Match[str], day: dt.date) -> Dated:
    """The date with what the words before it say of it."""
    start = match.start()
    before = _STATES.search(text[max(0, start - 50) : start])
    if before is None:
        return Dated(day, "likely", match[0])
    return Dated(day, "stated", before[0] + match[0])


def _day(match: re.Match[str]) -> dt.date | None:
    """The day that was written, the last one of a month without a day; None if there is none."""
    parts = match.groupdict()
    month = month_number(parts["M"], {}) if parts.get("M") else int(parts["m"])
    year = int(parts["y"])
    if month is None:
        return None
    try:
        if parts.get("d"):
            return dt.date(year, month, int(parts["d"]))
        following = dt.date(year + (month == 12), month % 12 + 1, 1)
    except ValueError:
        return None
    return following - dt.timedelta(days=1)
