"""Alarms in the words of who is on duty."""

from __future__ import annotations

import datetime as dt

import pytest

from tunewell.monitor.plain_alarm import figure, headline, short_figure
from tunewell.types import Alarm, Estimate

AT = dt.datetime(2026, 10, 2, tzinfo=dt.UTC)


def _estimate(value: float, unit: str = "") -> Estimate:
    return Estimate(value=value, low=value - 1, high=value + 1, n=9, method="", unit=unit)


def _alarm(channel: str, slice: str = "all", size: float = 1.0) -> Alarm:
    return Alarm(
        id="a",
        channel=channel,
        slice=slice,
        raised=AT,
        as_of=AT,
        since=AT,
        since_low=AT,
        since_high=AT,
        p_value=0.001,
        size=_estimate(size),
        before=_estimate(40, "records/hour"),
    )


@pytest.mark.parametrize(
    ("channel", "slice", "size", "said"),
    [
        ("traffic: words new or more frequent", "sys", 1, "New or more frequent words: sys"),
        ("tickets: values gone or less frequent", "a=b", -1, "Gone or less frequent values: a=b"),
        ("traffic: count", "all", -9, "Fewer records an hour"),
        ("traffic: share of topic=mail", "topic=mail", 1, "Larger share of topic=mail"),
        ("mean of total_s", "region=east", -1, "Lower total_s (region=east)"),
        ("traffic: hour of day", "clock +7 h", 7, "The hours of the day have moved: clock +7 h"),
        ("traffic: gap", "all", -9, "No records came"),
        ("traffic: out of scope", "all", 1, "Out of scope: higher"),
    ],
)
def test_the_headline_says_what_happened(channel: str, slice: str, size: float, said: str) -> None:
    expected = f"{said}, in tickets" if channel.startswith("tickets") else said
    assert headline(_alarm(channel, slice, size)) == expected


def test_shares_are_told_in_per_cent_and_others_with_their_unit() -> None:
    share = Estimate(value=0.0011, low=0.0005, high=0.12, n=9, method="", unit="share")
    assert figure(share) == "0.11 % (0.05 to 12 %)"
    assert short_figure(share) == "0.11 %"
    assert figure(_estimate(29, "records/day")) == "29 (28 to 30) records/day"
    assert figure(Estimate.exact(1, n=9, unit="share")) == "100 %"
