"""The replayed half year and the simulated service as one page with two pictures."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

from tunewell.decide import QualityReading
from tunewell.decide.wording import points
from tunewell.report.svg import element, joined
from tunewell.types import Alarm, Decision, Estimate

WIDTH: Final = 880
HEIGHT: Final = 240
MARGIN: Final = 36
MOST: Final = 0.6
"""Share of wrong answers at the top of a picture."""

STYLE: Final = """
body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 60rem; padding: 0 1rem; }
svg { width: 100%; height: auto; } .band { stroke: #8bb8c2; stroke-width: 5; }
.dot { fill: #17616d; } .alarm { stroke: #a4661b; stroke-width: 1.5; stroke-dasharray: 4 3; }
.stop { stroke: #17616d; stroke-width: 2; } text { font: 12px system-ui, sans-serif; }
dt { font-weight: 600; margin-top: .8rem; } dd { margin: 0; }
"""


@dataclass(frozen=True)
class Moment:
    """A stop of the replay.

    Attributes:
        at: When, UTC.
        alarms: What the detectors had raised by then.
        decision: What was decided.
    """

    at: dt.datetime
    alarms: tuple[Alarm, ...]
    decision: Decision


def draw_story(
    moments: Sequence[Moment],
    weeks: Sequence[QualityReading],
    gain: Estimate,
    decaying: Sequence[tuple[int, Decision]],
) -> str:
    """The page.

    Args:
        moments: Stops of the replay.
        weeks: Readings of the replayed version.
        gain: Of a version retrained in October.
        decaying: Decisions on the simulated service, by week.
    """
    entries = []
    for moment in moments:
        entries.append(f"<dt>{moment.at:%-d %B %Y}: {escape(moment.decision.action)}</dt>")
        entries.append(f"<dd>{escape(moment.decision.why)}</dd>")
    retrained = [week for week, decision in decaying if decision.action == "retrain"]
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Live demo</title>'
        f"<style>{STYLE}</style></head><body><main><h1>A half year, replayed</h1>"
        f"<p>Wrong areas in each week of July to December 2023, with 95 % intervals; dashed: when "
        f"an alarm says that something began; solid: when it was decided.</p>"
        f"{_replayed(moments, weeks)}<dl>{''.join(entries)}</dl>"
        f"<p>A version retrained in October names {points(gain)} more areas right.</p>"
        f"<h2>A service that does decay</h2><p>Simulated: what a retraining would put right, by "
        f"week. It was retrained in weeks {', '.join(map(str, retrained)) or 'none'}.</p>"
        f"{_decaying(decaying)}</main></body></html>"
    )


def _replayed(moments: Sequence[Moment], weeks: Sequence[QualityReading]) -> str:
    first, last = weeks[0].at, weeks[-1].at

    def across(at: dt.datetime) -> float:
        share = (at - first) / (last - first)
        return MARGIN + min(max(share, 0.0), 1.0) * (WIDTH - 2 * MARGIN)

    parts = []
    for alarm in moments[-1].alarms:
        if alarm.since >= first:
            parts.append(_upright(across(alarm.since), "alarm"))
    for moment in moments:
        parts.append(_upright(across(moment.at), "stop"))
        label = moment.decision.action
        parts.append(element("text", label, x=across(moment.at), y=14, text_anchor="end"))
    for week in weeks:
        parts += _reading(across(week.at), week.wrong)
    return _picture(parts, "Share of wrong answers by week, with alarms and decisions")


def _decaying(decaying: Sequence[tuple[int, Decision]]) -> str:
    parts = []
    for week, decision in decaying:
        place = MARGIN + week / max(len(decaying) - 1, 1) * (WIDTH - 2 * MARGIN)
        if decision.action == "retrain":
            parts.append(_upright(place, "stop"))
            parts.append(element("text", "retrain", x=place, y=14, text_anchor="end"))
        if decision.gain is not None:
            parts += _reading(place, decision.gain)
    return _picture(parts, "What a retraining would put right, by week")


def _reading(x: float, share: Estimate) -> list[str]:
    return [
        element("line", class_="band", x1=x, x2=x, y1=_height(share.low), y2=_height(share.high)),
        element("circle", class_="dot", cx=x, cy=_height(share.value), r=3),
    ]


def _height(share: float) -> float:
    inside = min(max(share, 0.0), MOST)
    return HEIGHT - MARGIN - inside / MOST * (HEIGHT - 2 * MARGIN)


def _upright(x: float, kind: str) -> str:
    return element("line", class_=kind, x1=x, x2=x, y1=MARGIN / 2, y2=HEIGHT - MARGIN)


def _picture(parts: Sequence[str], label: str) -> str:
    marks = []
    for share in (0.0, 0.2, 0.4, 0.6):
        marks.append(element("text", f"{share:.0%}", x=2, y=_height(share) + 4))
    return element(
        "svg",
        joined([*marks, *parts]),
        viewBox=f"0 0 {WIDTH} {HEIGHT}",
        role="img",
        aria_label=label,
    )
