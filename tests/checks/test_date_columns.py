"""Date fields: every common way to write one, and what a column shows that one value does not."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tunewell.checks.calendars import gregorian
from tunewell.checks.date_columns import read_date, read_dates

FORMS = """
2009-03-12 | 2009-3-12 | 2009/03/12 | 2009.03.12 | 2009_03_12 | 2009 03 12 | 20090312
2009-03-12T10:00 | 2009-03-12T10:00:00Z | 2009-03-12T10:00:00.123456+01:00
2009-03-12 10:00:00 +0000 UTC | 2009-03-12+01:00 | 20090312T100000Z | 20090312100000 | 200903121000
12.03.2009 | 12.3.2009 | 12. 3. 2009 | 12.03.09 | 12.03.2009 10:00 Uhr | 12.III.2009
12-Mar-2009 | 12-MAR-09 | 12/Mar/2009:10:00:00 +0100 | 2009-Mar-12 | 2009 March 12
12 March 2009 | 12th of March 2009 | 12th March, 2009 | March 12, 2009 | Mar. 12 2009
March 12th, 2009 | Thursday, March 12, 2009 | Thu, 12 Mar 2009 10:00:00 +0100
Thu Mar 12 10:00:00 2009 | Thu Mar 12 10:00:00 UTC 2009
Thu Mar 12 2009 10:00:00 GMT+0100 (CET) | 12 Mar '09 | Published 12 March 2009
2009-W11-4 | 2009W114 | 2009-071 | 2009071
1236852000 | 1236852000000 | 1236852000000000 | 1236852000.5 | 1.236852e9
/Date(1236852000000)/ | @1236852000 | {"$date": "2009-03-12T00:00:00Z"}
12. März 2009 | 12 mars 2009 | 12 de marzo de 2009 | 12 marzo 2009 | 12 de março de 2009
12 maart 2009 | 12 marca 2009 | 12. března 2009 | 12 марта 2009 г. | 12 березня 2009 р.
12. mars 2009 | 12 mart 2009 | 2009. március 12. | 12 martie 2009 | 12 Μαρτίου 2009
12 Maret 2009 | ngày 12 tháng 3 năm 2009 | 2009年3月12日 | 2009년 3월 12일 | 平成21年3月12日
H21.3.12 | 民國98年3月12日 | 二〇〇九年三月十二日 | 12 มีนาคม 2552 | 12 मार्च 2009 | 12 مارس 2009
۱۲ مارس ۲۰۰۹ | 22 اسفند 1387 | 15 ربيع الأول 1430 | 12 במרץ 2009
"""
READ = [form.strip() for line in FORMS.strip().splitlines() for form in line.split(" | ")]


@pytest.mark.parametrize("form", READ)
def test_one_day_in_every_form(form: str) -> None:
    read = read_date(form)
    assert (str(read.day), read.note) == ("2009-03-12", "")


def test_the_table_has_sixty_forms() -> None:
    assert len(set(READ)) >= 60


@pytest.mark.parametrize(
    ("form", "day"),
    [
        ("2009", "2009-12-31"),
        ("Mar 2009", "2009-03-31"),
        ("Mar-09", "2009-03-31"),
        ("2009-03", "2009-03-31"),
        ("03/2009", "2009-03-31"),
        ("März 2009", "2009-03-31"),
        ("2009年3月", "2009-03-31"),
        ("Q1 2009", "2009-03-31"),
        ("2009Q4", "2009-12-31"),
        ("H1 2009", "2009-06-30"),
        ("KW 11/2009", "2009-03-15"),
    ],
)
def test_a_month_or_a_year_counts_to_its_end(form: str, day: str) -> None:
    assert str(read_date(form).day) == day


@pytest.mark.parametrize(
    ("column", "days"),
    [
        (["03/04/2016", "12/31/2017"], ["2016-03-04", "2017-12-31"]),
        (["03/04/2016", "31/12/2017"], ["2016-04-03", "2017-12-31"]),
        (["03-04-16", "12-31-17"], ["2016-03-04", "2017-12-31"]),
        (["090312", "091231"], ["2009-03-12", "2009-12-31"]),
        (["03122009", "12312009"], ["2009-03-12", "2009-12-31"]),
        (["39884", "40000"], ["2009-03-12", "2009-07-06"]),
        (["1387/12/22", "1388/05/31"], ["2009-03-12", "2009-08-22"]),
        (["1430-03-15", "1440-01-01"], ["2009-03-12", "2018-09-12"]),
        (["12/03/2552", "31/12/2552"], ["2009-03-12", "2009-12-31"]),
        (["2009-12-03", "2009-31-12"], ["2009-03-12", "2009-12-31"]),
        (["11 listopada 2009", "12 marca 2009"], ["2009-11-11", "2009-03-12"]),
        (["11. listopada 2009", "12. ožujka 2009"], ["2009-10-11", "2009-03-12"]),
    ],
)
def test_a_column_decides_what_one_value_leaves_open(column: list[str], days: list[str]) -> None:
    assert [str(read.day) for read in read_dates(column)] == days


def test_an_unknown_order_takes_the_later_day_and_says_so() -> None:
    for form, day in (("03/04/2016", "2016-04-03"), ("04-03-2016", "2016-04-03")):
        read = read_date(form)
        assert (str(read.day), read.note) == (day, "order")


@pytest.mark.parametrize(
    "form",
    [
        "soon",
        "yesterday",
        "3 days ago",
        "until 12 March 2009",
        "12-14 March 2009",
        "2008 – 2009",
        "version 2.1.3",
        "31.2.2009",
        "2009-13-45",
        "12 Frimaire CCXVII",
        "12 Mar",
        "10:30",
        "true",
        "9 Adar 5769",
    ],
)
def test_what_is_no_single_day_is_unread(form: str) -> None:
    read = read_date(form)
    assert (read.day, read.note) == (None, "unread")


@pytest.mark.parametrize(
    "form",
    [
        *("9999-12-31", "31.12.9999", "0001-01-01", "1970-01-01", "1900-01-01", "2999-12-31"),
        *("N/A", "null", "-", "unknown", "0000-00-00", "99991231", "12/31/9999", "2099-12-31"),
        "0",
    ],
)
def test_placeholders_are_no_days(form: str) -> None:
    read = read_date(form)
    assert (read.day, read.note) == (None, "placeholder")


def test_a_day_in_the_future_is_noted() -> None:
    ahead = dt.datetime.now(dt.UTC).date() + dt.timedelta(days=400)
    assert read_date(ahead.isoformat()).note == "future"


@given(
    st.dates(dt.date(1985, 1, 1), dt.date(2020, 12, 31)).filter(
        lambda d: (d.month, d.day) != (1, 1)
    )
)
def test_every_day_is_read_as_it_was_written(day: dt.date) -> None:
    written = [
        day.isoformat(),
        f"{day:%Y%m%d}",
        f"{day:%d.%m.%Y}",
        f"{day:%d %B %Y}",
        f"{day:%b %d, %Y}",
    ]
    written += ["{}-W{:02d}-{}".format(*day.isocalendar()), f"{day:%a %b %d 10:00:00 %Y}"]
    assert {read_date(form).day for form in written} == {day}


@given(st.lists(st.text(max_size=30), max_size=6))
def test_no_column_breaks_it(column: list[str]) -> None:
    assert len(read_dates(column)) == len(column)


def test_known_days_of_other_calendars() -> None:
    """Nowruz, the Islamic new year, and a leap day, as printed calendars have them."""
    assert gregorian("persian", 1400, 1, 1) == dt.date(2021, 3, 21)
    assert gregorian("persian", 1399, 12, 30) == dt.date(2021, 3, 20)
    assert gregorian("islamic", 1446, 1, 1) in (dt.date(2024, 7, 7), dt.date(2024, 7, 8))
