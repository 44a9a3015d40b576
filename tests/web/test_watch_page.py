"""The page for the person on duty: what is unusual, and taking note of it."""

from __future__ import annotations

import dataclasses
import datetime as dt

import numpy as np

from tests.web.conftest import World
from tunewell.monitor.channel import Channel
from tunewell.monitor.episodes import acknowledgements
from tunewell.monitor.kept_look import KeptLook, keep_look
from tunewell.monitor.watch import BandedChannel, Watched
from tunewell.releases import release
from tunewell.types import Alarm
from tunewell.web.watch_chart import channel_chart

FIRST = dt.datetime(2026, 8, 3, tzinfo=dt.UTC)
DAYS = 120


def watched_of(*alarms: Alarm) -> Watched:
    """A look at one channel of 120 days."""
    total = np.full(DAYS, 40.0)
    total[60] = 90.0
    weight = np.ones(DAYS)
    weight[10] = 0.0
    channel = Channel(
        name="count",
        kind="count",
        unit="records/day",
        first=FIRST,
        total=total,
        weight=weight,
        as_of=FIRST + dt.timedelta(days=DAYS),
        stream="traffic",
    )
    banded = BandedChannel(
        channel=channel,
        expected=np.full(DAYS, 41.0),
        low=np.full(DAYS, 20.0),
        high=np.full(DAYS, 60.0),
    )
    return Watched(alarms=alarms, channels=(banded,), unchecked=(), as_of=channel.as_of)


def _kept(
    world: World,
    *alarms: Alarm,
) -> KeptLook:
    now = FIRST + dt.timedelta(days=DAYS)
    return keep_look(world.store, watched_of(*alarms), records=4_800, now=now)


def alarm_of(channel: str = "traffic: count") -> Alarm:
    """An alarm that somebody has explained."""
    at = FIRST + dt.timedelta(days=60)
    return Alarm(
        id="a1",
        channel=channel,
        slice="all",
        raised=at + dt.timedelta(days=1),
        as_of=at,
        since=at,
        since_low=at,
        since_high=at,
        p_value=0.001,
        cause="traffic",
        cause_why="other people ask",
        remedy="review a sample",
        examples_after=("id-7",),
    )


def test_before_the_first_look_the_page_says_what_to_type(world: World) -> None:
    page = world.client("ann", "owner").client.get("/watch")
    assert page.status_code == 200
    assert "tunewell watch" in page.text


def test_a_look_from_before_a_release_says_so(world: World) -> None:
    until = dt.datetime(2020, 5, 1, tzinfo=dt.UTC)
    old = dataclasses.replace(watched_of(), as_of=until)
    keep_look(world.store, old, records=4_800, now=until)
    owner = world.client("ann", "owner").client
    assert "Nothing on this page is about" not in owner.get("/watch").text
    release(world.store, "production", "c" * 64, signed_by="ann")
    page = owner.get("/watch").text
    assert f"Nothing on this page is about <code>{'c' * 12}</code>" in page


def test_a_quiet_look_says_that_nothing_is_unusual(world: World) -> None:
    _kept(world)
    page = world.client("ann", "owner").client.get("/watch").text
    assert "Nothing unusual" in page
    assert "1 channels are" not in page
    assert "4,800 records" in page


def test_where_records_end_nothing_is_called_quiet(world: World) -> None:
    now = FIRST + dt.timedelta(days=DAYS + 9)
    keep_look(world.store, watched_of(), records=4_800, now=now)
    page = world.client("ann", "owner").client.get("/watch").text
    assert "No records for 9 days" in page
    assert "Nothing unusual" not in page


def test_an_alarm_says_since_when_why_and_what_to_do_until_it_is_acknowledged(
    world: World,
) -> None:
    _kept(world, alarm_of())
    owner = world.client("ann", "owner")
    page = owner.client.get("/watch").text
    for words in (
        "1 unusual thing",
        "2026-10-02",
        "other people ask",
        "review a sample",
        "id-7",
        "More records a day",
    ):
        assert words in page
    assert owner.post("/watch/acknowledge", alarm="a1", reason=" ").status_code == 400
    assert owner.post("/watch/acknowledge", alarm="zz", reason="no").status_code == 400
    assert owner.post("/watch/acknowledge", alarm="a1", reason="a campaign").status_code == 303
    page = owner.client.get("/watch").text
    assert "Nothing unusual" in page
    assert "a campaign" in page
    (noted,) = acknowledgements(world.store)
    assert (noted.author, noted.account) == ("ann", world.people["ann"].id)


def test_experts_do_not_see_it_and_names_are_escaped(world: World) -> None:
    _kept(world, alarm_of("traffic: <img src=x onerror=alert(1)>"))
    assert world.client("eve", "expert").client.get("/watch").status_code == 403
    page = world.client("ann", "owner").client.get("/watch").text
    assert "<img src=x" not in page


def test_a_chart_breaks_where_there_is_no_figure_and_marks_what_happened(world: World) -> None:
    look = _kept(world)
    release = (FIRST + dt.timedelta(days=30), "production abc")
    chart = channel_chart(
        look.channels[0], since=[FIRST + dt.timedelta(days=60)], releases=[release]
    )
    assert chart is not None
    assert len(chart.lines) == 2
    assert chart.releases[0].x == 150.0
    assert chart.since[0].x == 300.0
    assert (chart.now, chart.usual) == (40.0, 41.0)
