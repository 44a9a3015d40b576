"""What a date field may say, by itself: a day, or what its column has to decide."""

from __future__ import annotations

import calendar
import datetime as dt
import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from tunewell.checks.calendars import (
    ERAS,
    ISLAMIC_MONTHS,
    PERSIAN_MONTHS,
    Calendar,
    gregorian,
)
from tunewell.checks.month_names import ROMAN_MONTHS, is_month, month_number

Numbers = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Triple:
    """Three numbers with a separator, whose order the column shows.

    Attributes:
        numbers: As they are written.
        mark: What stands between them; values with the same mark are compared.
        year_at: Where the year stands (0 or 2); None if all have two digits.
    """

    numbers: Numbers
    mark: str
    year_at: int | None


@dataclass(frozen=True, slots=True)
class Serial:
    """Five digits: days since 1899-12-30 where the whole column counts so, as spreadsheets do."""

    days: int


Said = dt.date | Triple | Serial | None
"""None: not a date in any form that is known here."""

EARLIEST_YEAR, LATEST_YEAR = 1900, 2100
_MONTHS_AND_YEARS = "年月日년월일"
_TIME = re.compile(
    r"(?:[T,:]\s*|\s+|^)\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?\s*(?:[ap]\.?\s?m\b\.?)?\s*"
    r"(?:Z\b|UTC|GMT|Uhr\b|"
    r"\b[A-Z]{2,4}\b(?!\s*\d{4}\s*\d))?\s*(?:[+-]\d{2}:?\d{2}\b)?(?:\s*\([^)]*\)|\[[^\]]*\])?"
    r"|(?<=\d)T\d{2,6}(?:\.\d+)?(?:Z|[+-]\d{2}:?\d{2})?$|(?<=-\d\d)(?:Z|[+-]\d{2}:\d{2})$",
    re.IGNORECASE,
)
_TAIL = re.compile(r"\s+(?:Z|UTC|GMT|[+-]\d{4}|GMT[+-]\d{4})$")
_EXCLUDING = re.compile(
    r"(?i)\b(?:until|till|before|after|since|from|to|between|expire[sd]?|ends?|bis|vor|nach|seit|"
    r"hasta|desde|jusqu\w*|avant|après|ago|yesterday|today|tomorrow)\b|\d\s*[–—]\s*\d|"
    r"\d\s+-\s+\d|\b\d\d?-\d\d?\.?\s[^\W\d_]"
)
"""Spans, limits and days that depend on when they are read."""


def date_said(text: str, spoken: Mapping[str, int]) -> Said:
    """What a date field says.

    Args:
        text: The field.
        spoken: Languages of the month names in the column (see `month_number`).

    Example:
        >>> date_said("Thu, 12 Mar 2009 10:00:00 +0100", {}), date_said("2009-W11-4", {})
        (datetime.date(2009, 3, 12), datetime.date(2009, 3, 12))
        >>> date_said("03/04/2016", {})
        Triple(numbers=(3, 4, 2016), mark='/', year_at=2)
    """
    text = _plain(text)
    if text.isdigit():
        return _of_digits(text)
    if _EXCLUDING.search(text):
        return None
    for form in _FORMS:
        found = form(text)
        if found is not None:
            return found

    bare = _without_time(text)
    if bare.isdigit():
        return _of_digits(bare)
    for form in _FORMS:
        found = form(bare)
        if found is not None:
            return found
    return _in_words(bare, spoken)


def _plain(text: str) -> str:
    """One line, in plain digits and signs."""
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text).translate(_MARKS_AWAY)
        text = "".join(map(_plain_digit, text))
    # A date in brackets or quotes, or an epoch as JSON and .NET write it.
    text = text.strip()
    if text[:1] in "\"'<([{":
        text = text.strip("\"'<>()[]{}").strip()
    wrapped = re.fullmatch(
        r"(?:/Date\(|@|\"?\$?\w+\"?: ?(?:{\"\$numberLong\": )?\"?)([^\"{}()]+)\W*", text
    )
    return wrapped[1].strip() if wrapped and re.match(r"/Date|@|\"?\$", text) else text


_MARKS_AWAY = dict.fromkeys((0x200E, 0x200F, 0x061C, 0xFEFF)) | {
    0x2212: "-",
    0x2010: "-",
    0x2011: "-",
    0x060C: ",",
}


def _plain_digit(character: str) -> str:
    if character.isascii() or not character.isdecimal():
        return character
    return str(unicodedata.decimal(character))


def _without_time(text: str) -> str:
    text = _TIME.sub(" ", text, count=1)
    return " ".join(_TAIL.sub("", text.strip()).split()) if " " in text else text


def full_year(year: int, digits: int = 2) -> int:
    """A year of two digits, in the century that makes it at most next year."""
    if digits > 2 or year > 99:
        return year
    next_year = dt.datetime.now(dt.UTC).year + 1
    return 2000 + year if 2000 + year <= next_year else 1900 + year


def day_of(year: int, month: int, day: int) -> dt.date | None:
    """The day; None if there is none such in a plausible year."""
    if not EARLIEST_YEAR <= year <= LATEST_YEAR:
        return None
    try:
        return dt.date(year, month, day)
    except ValueError:
        return None


def end_of_month(year: int, month: int) -> dt.date | None:
    """The last day of a month."""
    if not 1 <= month <= 12 or not EARLIEST_YEAR <= year <= LATEST_YEAR:
        return None
    return dt.date(year, month, calendar.monthrange(year, month)[1])


# --- digits alone ---------------------------------------------------------------------------------

_SCALES = {10: 1, 9: 1, 13: 1_000, 12: 1_000, 16: 10**6, 15: 10**6, 19: 10**9, 18: 10**9}
"""Ticks in a second of an epoch of so many digits."""


def _of_digits(text: str) -> Said:
    """Digits without a separator: compact dates, epochs, years."""
    read = _BY_LENGTH.get(len(text), _epoch)
    return read(text)


def _serial(text: str) -> Said:
    return Serial(int(text)) if _FIRST_SERIAL <= int(text) <= _LAST_SERIAL else None


_FIRST_SERIAL, _LAST_SERIAL = 20_000, 73_050
"""Days of 1954 and 2099, as spreadsheets count."""


def _six_digits(text: str) -> Said:
    """Year and month, else day, month and year of two digits each."""
    pairs = (int(text[:2]), int(text[2:4]), int(text[4:]))
    return end_of_month(int(text[:4]), int(text[4:])) or Triple(pairs, "", None)


def _eight_digits(text: str) -> Said:
    parts = (int(text[:2]), int(text[2:4]), int(text[4:]))
    return _compact(text) or Triple(parts, "", 2)


def _ten_digits(text: str) -> Said:
    return _epoch(text) or _compact(text)


def _compact_or_epoch(text: str) -> Said:
    return _compact(text) or _epoch(text)


def _compact(text: str) -> dt.date | None:
    """The day of digits that begin with year, month and day, and go on with a time."""
    is_time = all(int(pair) < 60 for pair in re.findall("..", text[8:14]))
    return day_of(int(text[:4]), int(text[4:6]), int(text[6:8])) if is_time else None


def _epoch(text: str) -> dt.date | None:
    """Ticks since 1970, not in the future."""
    scale = _SCALES.get(len(text))
    if scale is None:
        return None
    seconds = int(text) / scale
    now = dt.datetime.now(dt.UTC).timestamp()
    if not 1e8 < seconds < now + 366 * 86_400:
        return None
    return dt.datetime.fromtimestamp(seconds, dt.UTC).date()


def _of_year_day(year: int, day: int) -> dt.date | None:
    if not 1 <= day <= 366:
        return None
    first = day_of(year, 1, 1)
    return first + dt.timedelta(days=day - 1) if first else None


_BY_LENGTH: Mapping[int, Callable[[str], Said]] = {
    4: lambda text: end_of_month(int(text), 12),
    5: _serial,
    6: _six_digits,
    7: lambda text: _of_year_day(int(text[:4]), int(text[4:])),
    8: _eight_digits,
    10: _ten_digits,
    12: _compact_or_epoch,
    14: _compact_or_epoch,
    17: _compact_or_epoch,
}
"""How digits of a length are read; all others are epochs."""


# --- patterns -------------------------------------------------------------------------------------

_TRIPLE = re.compile(r"(\d{1,4})\s?([-/._ ])\s?(\d{1,2}|[IVX]{1,4})\s?\2\s?(\d{1,4})\.?(?:[T ].*)?")
_YEAR_MONTH = re.compile(r"(\d{4})[-/._ ](\d{1,2})|(\d{1,2})[-/._ ](\d{4})")
_WEEK = re.compile(
    r"(\d{4})[- ]?W(\d{1,2})(?:-?(\d))?(?:T.*)?|(?:KW|CW|week|woche|semaine|uge|vecka|"
    r"uke)\s?(\d{1,2})\D{1,4}(\d{4})",
    re.IGNORECASE,
)
_ORDINAL = re.compile(r"(\d{4})-(\d{3})(?:T.*)?")
_PART = re.compile(
    r"(\d{4})[- /]?([QH])([1-4])|([QH])([1-4])[- /']{0,2}(\d{4})|([1-4])\.? (?:Quartal|"
    r"Quarter|trimestre) (\d{4})",
    re.IGNORECASE,
)
_EPOCH_WITH_PARTS = re.compile(
    r"(\d{9,19})(?:\.\d*)?(?: [+-]\d{4})?|(\d\.\d+)e\+?(9|12|15|18)", re.IGNORECASE
)
_EAST_ASIAN = re.compile(
    r"(?:西元|公元)?\s?(\d{2,4})[年년]\s?(?:(\d{1,2})[月월]\s?(?:(\d{1,2})[日일号號])?)?\D*"
)
_ERA = re.compile(
    rf"({'|'.join(ERAS)})\s?(\d{{1,3}}|元)[年./-]\s?(\d{{1,2}})[月./-]\s?(\d{{1,2}})日?\D*",
    re.IGNORECASE,
)
_VIETNAMESE = re.compile(
    r"(?:\w+,? )?(?:ngày )?(\d{1,2}) tháng (\d{1,2}),? (?:năm )?(\d{4})", re.IGNORECASE
)
_BUDDHIST = re.compile(r"(?:พ\.?\s?ศ\.?|B\.?E\.?)", re.IGNORECASE)
_NUMERALS = str.maketrans("〇零一二三四五六七八九", "00123456789")


def _triple(text: str) -> Said:
    match = _TRIPLE.fullmatch(text)
    if match is None:
        return None
    first, mark, middle, last = match.groups()
    roman = ROMAN_MONTHS.get(middle.lower())
    numbers = (int(first), roman or int(middle) if middle.isdigit() or roman else 0, int(last))
    if roman and len(last) in (2, 4):
        return day_of(full_year(numbers[2], len(last)), roman, numbers[0])
    if len(first) == 4 and len(last) <= 2:
        return Triple(numbers, mark, 0)
    if len(first) == 3 and len(last) <= 2 and 60 <= numbers[0] <= 150:
        return _or_none(lambda: gregorian("republic of china", *numbers))
    if len(last) == 4 and len(first) <= 2:
        return Triple(numbers, mark, 2)
    return Triple(numbers, mark, None) if len(first) <= 2 and len(last) == 2 else None


def _year_and_month(text: str) -> Said:
    match = _YEAR_MONTH.fullmatch(text)
    if match is None:
        return None
    return end_of_month(int(match[1] or match[4]), int(match[2] or match[3]))


def _week(text: str) -> Said:
    match = _WEEK.fullmatch(text)
    if match is None:
        return None
    year, week = int(match[1] or match[5]), int(match[2] or match[4])
    return _or_none(lambda: dt.date.fromisocalendar(year, week, int(match[3] or 7)))


def _ordinal(text: str) -> Said:
    match = _ORDINAL.fullmatch(text)
    return _of_year_day(int(match[1]), int(match[2])) if match else None


def _quarter_or_half(text: str) -> Said:
    match = _PART.fullmatch(text)
    if match is None:
        return None
    year = int(match[1] or match[6] or match[8])
    number = int(match[3] or match[5] or match[7])
    months = 6 if (match[2] or match[4] or "Q").upper() == "H" else 3
    return end_of_month(year, number * months)


def _epoch_with_parts(text: str) -> Said:
    match = _EPOCH_WITH_PARTS.fullmatch(text)
    if match is None:
        return None
    return _epoch(match[1] if match[1] else str(int(float(text))))


def _east_asian(text: str) -> Said:
    if not any(sign in text for sign in _MONTHS_AND_YEARS):
        return None
    text = _chinese_numbers(text)
    if match := _ERA.fullmatch(text):
        return _of_era(match)
    match = _EAST_ASIAN.fullmatch(text)
    if match is None:
        return None
    # Three digits are years of the Republic; two may be those of any era.
    year = int(match[1]) + (1911 if len(match[1]) == 3 else 0)
    if match[3]:
        return day_of(year, int(match[2]), int(match[3]))
    return end_of_month(year, int(match[2] or 12))


def _era(text: str) -> Said:
    match = _ERA.fullmatch(text)
    return _of_era(match) if match else None


def _of_era(match: re.Match[str]) -> dt.date | None:
    year = 1 if match[2] == "元" else int(match[2])
    return day_of(ERAS[match[1].lower()] + year, int(match[3]), int(match[4]))


def _chinese_numbers(text: str) -> str:
    """Numbers written with Chinese characters, in digits."""

    def tens(match: re.Match[str]) -> str:
        return f"{match[1] or '一'}{match[2] or '〇'}"

    return re.sub(r"([一二三]?)十([一二三四五六七八九]?)", tens, text).translate(_NUMERALS)


def _vietnamese(text: str) -> Said:
    match = _VIETNAMESE.fullmatch(text)
    return day_of(int(match[3]), int(match[2]), int(match[1])) if match else None


def _or_none(make: Callable[[], dt.date]) -> dt.date | None:
    try:
        return make()
    except (ValueError, OverflowError):
        return None


_FORMS: tuple[Callable[[str], Said], ...] = (
    _triple,
    _year_and_month,
    _week,
    _ordinal,
    _quarter_or_half,
    _epoch_with_parts,
    _east_asian,
    _era,
    _vietnamese,
)

# --- words ----------------------------------------------------------------------------------------

_LETTERS = r"(?:[^\W\d_][\u0300-\u036f\u0900-\u0903\u093a-\u094f\u0981-\u0dff\u0e31-\u0e4e]*)+"
_TOKEN = re.compile(rf"\d+|{_LETTERS}(?:[.'’-]{_LETTERS})?")
_SMALL_WORDS = frozenset(
    "st nd rd th of de del den der the um on a em di da do le la el il the o e y i em às "
    "at год г року р ngày "
    "năm uhr h kl er ère re º ª de. ve și و م هـ ه ה ב в від от z roku anno ad ce".split()
)
_SHORTENED_YEAR = re.compile(r"['’](\d\d)\b")


_MOST_TOKENS = 9
_LONGEST_IN_WORDS = 60
"""Characters; what is longer is a sentence and no date field."""


def _in_words(text: str, spoken: Mapping[str, int]) -> Said:
    """A date with the name of its month."""
    tokens = _TOKEN.findall(text.lower())
    if not 1 < len(tokens) <= _MOST_TOKENS or len(text) > _LONGEST_IN_WORDS:
        return None

    numbers = [token for token in tokens if token.isdigit()]
    months, others = _months_among(tokens, is_buddhist=_BUDDHIST.search(text) is not None)
    # One word before the date may be the day of the week, or "Published".
    is_gregorian = len(months) == 1 and len(others) <= 1 and len(numbers) in (1, 2)
    if not is_gregorian:
        return _other_calendar(text.lower(), numbers)
    return _of_month(months[0], numbers, text, spoken)


_MARKS_OF_BUDDHIST_YEARS = frozenset("พ ศ พ.ศ b be b.e".split())


def _months_among(tokens: list[str], *, is_buddhist: bool) -> tuple[list[str], list[str]]:
    """The names of months among the words, and the words that are neither that nor small."""
    small = _SMALL_WORDS | _MARKS_OF_BUDDHIST_YEARS if is_buddhist else _SMALL_WORDS
    months, others = [], []
    for token in tokens:
        if token.isdigit() or token in small:
            continue
        word = _without_article(token)
        if is_month(word) or word in PERSIAN_MONTHS or word in ISLAMIC_MONTHS:
            months.append(word)
        else:
            others.append(word)
    return months, others


def _without_article(word: str) -> str:
    """A Hebrew month without the "in" that is written together with it."""
    bare = word.removeprefix("ב")
    return bare if is_month(bare) else word


def _of_month(name: str, numbers: list[str], text: str, spoken: Mapping[str, int]) -> Said:
    if name in PERSIAN_MONTHS or (name in ISLAMIC_MONTHS and not is_month(name)):
        return _other_calendar(text.lower(), numbers)
    month = month_number(name, spoken)
    year, day = _year_and_day(numbers, text)
    if month is None or year is None:
        return None
    if 2443 <= year <= 2643:
        year -= 543
    return end_of_month(year, month) if day is None else day_of(year, month, day)


def _year_and_day(numbers: list[str], text: str) -> tuple[int | None, int | None]:
    """The year, and the day if there is one, of the numbers beside a month's name."""
    years = [int(number) for number in numbers if len(number) == 4]
    days = [int(number) for number in numbers if len(number) <= 2]
    if len(years) + len(days) < len(numbers):
        return None, None
    if len(years) == 1:
        return years[0], days[0] if days else None
    if len(days) == 2:
        year_first = days[0] > 31
        year, day = days if year_first else reversed(days)
        return full_year(year), day
    is_short_year = _SHORTENED_YEAR.search(text) or re.fullmatch(r"[^\W\d_]+\.?-\d\d", text)
    return (full_year(days[0]), None) if days and is_short_year else (None, None)


def _other_calendar(text: str, numbers: list[str]) -> Said:
    """A day with the name of a Persian or Islamic month."""
    years = [int(number) for number in numbers if len(number) == 4]
    days = [int(number) for number in numbers if len(number) <= 2]
    if len(years) != 1 or len(days) != 1:
        return None
    named: tuple[tuple[Calendar, dict[str, int]], ...] = (
        ("persian", PERSIAN_MONTHS),
        ("islamic", ISLAMIC_MONTHS),
    )
    for kind, months in named:
        for name, month in months.items():
            if re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text):
                return _or_none(partial(gregorian, kind, years[0], month, days[0]))
    return None
