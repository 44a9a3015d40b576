"""What an alarm says in the words of who is on duty."""

from __future__ import annotations

from typing import Final

from tunewell.monitor.alarm_place import stream_and_name
from tunewell.types import Alarm, Estimate

USUAL_STREAM: Final = "traffic"
"""The stream of a project's own traffic goes without saying."""

MOST_CHARACTERS: Final = 120

RISES: Final = {
    "share of ": ("Larger share of ", "Smaller share of "),
    "share with ": ("More often with ", "Less often with "),
    "mean of ": ("Higher ", "Lower "),
    "length of ": ("Longer ", "Shorter "),
}
"""What a channel's name begins with, and what its rise and its fall are called."""


def headline(alarm: Alarm) -> str:
    """What happened, without why: *New or more frequent words: 115*."""
    stream, name = stream_and_name(alarm.channel)
    said = _said(alarm, name)
    if alarm.slice not in ("", "all") and alarm.slice[:MOST_CHARACTERS] not in said:
        said = f"{said} ({alarm.slice[:MOST_CHARACTERS]})"
    return said if stream in ("", USUAL_STREAM) else f"{said}, in {stream}"


def _said(
    alarm: Alarm,
    name: str,
) -> str:
    kind, _, way = name.partition(" ")
    if kind in ("words", "values"):
        return f"{way.capitalize()} {kind}: {alarm.slice[:MOST_CHARACTERS]}"
    if name == "hour of day":
        return f"The hours of the day have moved: {alarm.slice}"
    if name == "gap":
        return "No records came"
    rises = alarm.size is None or alarm.size.value > 0
    if name == "count":
        unit = alarm.before.unit if alarm.before else ""
        each = "an hour" if unit.endswith("/hour") else "a day"
        return f"{'More' if rises else 'Fewer'} records {each}"
    for start, (up, down) in RISES.items():
        if name.startswith(start):
            return (up if rises else down) + name.removeprefix(start)
    way = "higher" if rises else "lower"
    return f"{name[:1].upper()}{name[1:]}: {way}"


def figure(estimate: Estimate) -> str:
    """A figure with its interval; shares in per cent.

    Example:
        >>> figure(Estimate(value=0.0795, low=0.0391, high=0.155, n=88, method="", unit="share"))
        '8 % (3.9 to 16 %)'
    """
    value, low, high = (
        _number(each, estimate.unit) for each in (estimate.value, estimate.low, estimate.high)
    )
    is_share = estimate.unit == "share"
    unit = " %" if is_share else f" {estimate.unit}".rstrip()
    if low == high:
        return f"{value}{unit}"
    if is_share:
        return f"{value} % ({low} to {high} %)"
    return f"{value} ({low} to {high}){unit}"


def short_figure(estimate: Estimate) -> str:
    """A figure without its interval."""
    unit = " %" if estimate.unit == "share" else ""
    return f"{_number(estimate.value, estimate.unit)}{unit}"


def _number(
    value: float,
    unit: str,
) -> str:
    if unit != "share":
        return f"{value:.3g}"
    hundredths = 100 * value
    return f"{hundredths:.0f}" if abs(hundredths) >= 9.95 else f"{hundredths:.2g}"
