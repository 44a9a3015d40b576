from __future__ import annotations

import dataclasses
import datetime as dt

from tunewell.monitor.episodes import episodes
from tunewell.monitor.kept_look import KeptChannel, KeptLook
from tunewell.report.watch_digest import WeekOfWatching, digest_html, digest_text
from tunewell.types import Alarm, Estimate

END = dt.datetime(2026, 11, 29, 23, tzinfo=dt.UTC)


def _alarm(id: str, *, days_ago: int, channel: str = "traffic: count") -> Alarm:
    at = END - dt.timedelta(days=days_ago)
    figure = Estimate(value=4.2, low=4.0, high=4.4, n=100, method="mean", unit="s")
    return Alarm(
        id=id,
        channel=channel,
        slice="all",
        raised=at,
        as_of=at,
        since=at - dt.timedelta(days=2),
        since_low=at - dt.timedelta(days=2),
        since_high=at - dt.timedelta(days=1),
        before=figure,
        after=figure,
        p_value=0.001,
        cause="model",
        cause_why="anchors are answered otherwise",
        remedy="compare the versions",
    )


def _week(*alarms: Alarm) -> WeekOfWatching:
    channel = KeptChannel(
        stream="traffic",
        name="count",
        topic="traffic",
        unit="records/day",
        first=END - dt.timedelta(days=3),
        period_s=86_400,
        as_of=END,
        values=(10.0, None, 12.0),
        expected=(11.0, 11.0, 11.0),
        low=(None, 5.0, 5.0),
        high=(None, 17.0, 17.0),
    )
    look = KeptLook(
        at=END, as_of=END, records=1200, yearly=0.05, alarms=alarms, channels=(channel,)
    )
    return WeekOfWatching(
        project="desk",
        start=dt.date(2026, 11, 23),
        end=dt.date(2026, 11, 29),
        look=look,
        episodes=episodes(alarms),
        reading=["30 of 30 answers read"],
        link="https://tunewell.example.org/watch",
    )


def test_a_quiet_week_says_so() -> None:
    week = _week()
    assert week.title == "desk: nothing new, 2026-11-23 to 2026-11-29"
    assert "Nothing new was found." in digest_text(week)
    assert "1,200 records until 2026-11-29" in digest_text(week)


def test_a_week_without_records_is_not_called_quiet() -> None:
    week = _week()
    later = dataclasses.replace(week, start=dt.date(2026, 12, 7), end=dt.date(2026, 12, 13))
    assert later.title == "desk: no records of this week, 2026-12-07 to 2026-12-13"
    assert "No records came after 2026-11-29" in digest_text(later)
    assert '<p class="bad">No records came' in digest_html(later)


def test_new_alarms_stand_apart_from_those_that_are_still_open() -> None:
    week = _week(_alarm("new", days_ago=1), _alarm("old", days_ago=40))
    assert [each.lead.id for each in week.new] == ["new"]
    assert [each.lead.id for each in week.still_open] == ["old"]
    assert week.title == "desk: 1 new alarm, 1 still open, 2026-11-23 to 2026-11-29"
    text = digest_text(week)
    assert text.index("New this week") < text.index("Still open")
    assert "do: compare the versions" in text


def test_the_page_needs_nothing_else_and_runs_nothing() -> None:
    hostile = _alarm("x", days_ago=1, channel='traffic: <script>alert("x")</script>')
    page = digest_html(_week(hostile))
    assert page.startswith("<!doctype html>")
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert "src=" not in page
    assert page.count("http") == 1
    assert "12 records/day" in page
