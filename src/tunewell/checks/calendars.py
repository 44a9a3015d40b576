"""Days of other calendars as days of the Gregorian one."""

from __future__ import annotations

import datetime as dt
from typing import Literal

Calendar = Literal["gregorian", "buddhist", "persian", "islamic", "republic of china"]

_BUDDHIST = 543
"""Years that the Thai calendar is ahead."""
_REPUBLIC = 1911
"""The year before the first of the Republic of China."""
_ISLAMIC_EPOCH = 227_014
"""Ordinal of the day before 1 Muharram 1 (civil reckoning; Reingold and Dershowitz, chapter 7)."""
_PERSIAN_EPOCH = 226_895
"""Ordinal of the day before 1 Farvardin 1."""

ERAS = {
    "明治": 1867,
    "大正": 1911,
    "昭和": 1925,
    "平成": 1988,
    "令和": 2018,
    "m": 1867,
    "t": 1911,
    "s": 1925,
    "h": 1988,
    "r": 2018,
    "民國": _REPUBLIC,
    "民国": _REPUBLIC,
}
"""Japanese eras, and the Republic of China's: the year before their first."""

_PERSIAN_MONTHS = """
    farvardin|فروردین ordibehesht|اردیبهشت khordad|خرداد tir|تیر mordad|amordad|مرداد
    shahrivar|شهریور mehr|مهر aban|آبان azar|آذر dey|دی bahman|بهمن esfand|اسفند
"""
_ISLAMIC_MONTHS = """
    muharram|محرم safar|صفر
    rabi_i|rabi_al-awwal|ربيع_الأول rabi_ii|rabi_al-thani|ربيع_الآخر|ربيع_الثاني
    jumada_i|jumada_al-awwal|جمادى_الأولى jumada_ii|jumada_al-thani|جمادى_الآخرة
    rajab|رجب shaban|sha'ban|شعبان ramadan|رمضان shawwal|شوال
    dhu_al-qadah|ذو_القعدة dhu_al-hijjah|ذو_الحجة
"""


def _numbered(names: str) -> dict[str, int]:
    found = {}
    for number, forms in enumerate(names.split(), start=1):
        for form in forms.split("|"):
            found[form.replace("_", " ")] = number
    return found


PERSIAN_MONTHS = _numbered(_PERSIAN_MONTHS)
ISLAMIC_MONTHS = _numbered(_ISLAMIC_MONTHS)


def gregorian(calendar: Calendar, year: int, month: int, day: int) -> dt.date:
    """The day of the Gregorian calendar.

    Islamic days follow the tabular reckoning: sighted moons may differ by a day.

    Raises:
        ValueError: There is no such day.

    Example:
        >>> gregorian("persian", 1387, 12, 22), gregorian("islamic", 1430, 3, 15)
        (datetime.date(2009, 3, 12), datetime.date(2009, 3, 12))
        >>> gregorian("buddhist", 2552, 3, 12)
        datetime.date(2009, 3, 12)
    """
    if calendar == "buddhist":
        return dt.date(year - _BUDDHIST, month, day)
    if calendar == "republic of china":
        return dt.date(year + _REPUBLIC, month, day)
    if calendar == "gregorian":
        return dt.date(year, month, day)
    if not (1 <= month <= 12 and 1 <= day <= 31 and year > 0):
        raise ValueError("no such day")
    if calendar == "persian":
        return dt.date.fromordinal(_persian_ordinal(year, month, day))
    return dt.date.fromordinal(_islamic_ordinal(year, month, day))


def _islamic_ordinal(year: int, month: int, day: int) -> int:
    before = (year - 1) * 354 + (3 + 11 * year) // 30
    months = 29 * (month - 1) + month // 2
    return _ISLAMIC_EPOCH + before + months + day


def _persian_ordinal(year: int, month: int, day: int) -> int:
    """By the 2,820-year cycle (Birashk), which agrees with the sun from 1799 to 2256."""
    if month > 6 and day > 30:
        raise ValueError("no such day")
    of_cycle = (year - 474) % 2820 + 474
    leap_days = (31 * of_cycle - 5) // 128
    months = 31 * (month - 1) if month <= 7 else 30 * (month - 1) + 6
    cycles = (year - 474) // 2820 * 1_029_983
    return _PERSIAN_EPOCH + cycles + 365 * (of_cycle - 1) + leap_days + months + day
