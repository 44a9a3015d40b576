"""The live demo as a page with one picture for each story."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

from tunewell.decide.measured import OF_MEASURING, cause_of
from tunewell.decide.wording import points
from tunewell.demo.live_story import LiveStory, Moment, TriedVersion
from tunewell.report.svg import element, joined
from tunewell.types import Alarm, Estimate

WIDTH: Final = 880
HEIGHT: Final = 250
LEFT: Final = 48
RIGHT: Final = 12
TOP: Final = 34
BOTTOM: Final = 30

MOST_LABELS: Final = 4
LABEL_PX: Final = 13

STYLE: Final = """
:root { color-scheme: light dark; --ink: #1c2529; --band: #8bb8c2; --mark: #17616d; --paper: #fff;
  --alarm: #a4661b; --faint: #ccd4d6; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6ecee; --band: #3d7683; --mark: #8fd3e0;
  --paper: #12181b; --alarm: #e0a35a; --faint: #39454a; } }
body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 60rem; padding: 0 1rem;
  color: var(--ink); background: var(--paper); }
svg { width: 100%; height: auto; margin: .5rem 0; }
svg text { font: 12px system-ui, sans-serif; fill: var(--ink); }
.band { stroke: var(--band); stroke-width: 5; } .dot, .bar { fill: var(--mark); }
.bar { opacity: .75; } .alarm { stroke: var(--alarm); stroke-width: 1.5; stroke-dasharray: 4 3; }
svg .told { fill: var(--alarm); } .stop { stroke: var(--mark); stroke-width: 2; }
.grid { stroke: var(--faint); } .doubt { fill: var(--alarm); opacity: .15; }
h2 { margin-top: 2.2rem; } @media print { body { margin: 0; max-width: none; } }
"""


@dataclass(frozen=True)
class _Axes:
    """Where times and figures lie in a picture.

    Attributes:
        first: At the left edge.
        last: At the right edge.
        low: At the bottom.
        high: At the top.
    """

    first: dt.datetime
    last: dt.datetime
    low: float
    high: float

    def x(self, at: dt.datetime) -> float:
        share = (at - self.first) / (self.last - self.first)
        return round(LEFT + min(max(share, 0.0), 1.0) * (WIDTH - LEFT - RIGHT), 1)

    def y(self, value: float) -> float:
        inside = min(max(value, self.low), self.high)
        share = (inside - self.low) / (self.high - self.low)
        return round(HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM), 1)

    def grid(self, values: Iterable[float], form: str) -> list[str]:
        """Lines at values, with what they stand for."""
        parts: list[str] = []
        for value in values:
            y = self.y(value)
            parts.append(element("line", class_="grid", x1=LEFT, x2=WIDTH - RIGHT, y1=y, y2=y))
            text = form.format(value)
            parts.append(element("text", text, x=LEFT - 6, y=y + 4, text_anchor="end"))
        return parts

    def months(self) -> list[str]:
        """The first of each month."""
        parts: list[str] = []
        at = self.first.replace(day=1)
        while at <= self.last:
            if at >= self.first and self.x(at) < WIDTH - 3 * RIGHT:
                name = f"{at:%b}"
                parts.append(element("text", name, x=self.x(at), y=HEIGHT - 8))
            at = (at.replace(day=1) + dt.timedelta(days=32)).replace(day=1)
        return parts

    def upright(self, at: dt.datetime, kind: str) -> str:
        """A line from top to bottom."""
        x = self.x(at)
        return element("line", class_=kind, x1=x, x2=x, y1=TOP - 6, y2=HEIGHT - BOTTOM)

    def label(self, at: dt.datetime, text: str, *, row: int = 0, kind: str = "") -> str:
        """Words above the picture, kept inside of it."""
        x = self.x(at)
        at_right = x > WIDTH * 0.7
        anchor = "end" if at_right else "start"
        shifted = x - 4 if at_right else x + 4
        y = 12 + row * LABEL_PX
        return element("text", text, class_=kind, x=shifted, y=y, text_anchor=anchor)

    def reading(self, at: dt.datetime, share: Estimate) -> list[str]:
        """A share with its interval."""
        x = self.x(at)
        low, high = self.y(share.low), self.y(share.high)
        return [
            element("line", class_="band", x1=x, x2=x, y1=low, y2=high),
            element("circle", class_="dot", cx=x, cy=self.y(share.value), r=3),
        ]


def draw_story(story: LiveStory, by_week: Sequence[tuple[dt.datetime, int]]) -> str:
    """The page.

    Args:
        story: What the demo came to.
        by_week: Questions in each week of the replay.
    """
    sections = (
        _wave(story, by_week),
        _clock(story),
        _promotion(story.tried),
        _repair(story),
    )
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width"><title>Live demo</title>'
        f"<style>{STYLE}</style></head><body><main><h1>A half year, replayed</h1>"
        f"<p>{escape(story.source[:1].upper() + story.source[1:])}.</p>"
        f"{''.join(sections)}</main></body></html>"
    )


def _decided(moment: Moment) -> str:
    decision = moment.decision
    gain = f" Expected gain: {points(decision.gain)}." if decision.gain is not None else ""
    said = f"{moment.at:%-d %B %Y}: {decision.action}. {decision.why}{gain}"
    return f"<p>{escape(said)}</p>"


# --- a wave ---------------------------------------------------------------------------------------


def _wave(story: LiveStory, by_week: Sequence[tuple[dt.datetime, int]]) -> str:
    earlier, moment = story.moments[:2]
    first, last = by_week[0][0], by_week[-1][0] + dt.timedelta(days=7)
    highest = max(count for _, count in by_week)
    axes = _Axes(first, last, 0, highest * 1.05)
    parts = axes.grid([0, highest // 2, highest], "{:.0f}") + axes.months()
    for start, count in by_week:
        x = axes.x(start)
        width = axes.x(start + dt.timedelta(days=6)) - x
        height = axes.y(0) - axes.y(count)
        parts.append(
            element("rect", class_="bar", x=x, y=axes.y(count), width=width, height=height)
        )
    parts += _alarms(axes, [*_of_the_world(earlier), *_of_the_world(moment)])
    for stop in (earlier, moment):
        parts.append(axes.upright(stop.at, "stop"))
        parts.append(axes.label(stop.at, stop.decision.action, row=1))
    told = dict.fromkeys(map(_told, _of_the_world(moment)))
    named = "".join(f"<li>{escape(line)}</li>" for line in told)
    return (
        "<h2>Waves of questions: hold</h2><p>Questions by week. Dashed: since when something is "
        "new in them, as the first two stops saw it; solid: the decisions.</p>"
        f"{_picture(parts, 'Questions by week, with waves and decisions')}"
        f"{_decided(earlier)}<ul>{named}</ul>{_decided(moment)}"
    )


def _of_the_world(moment: Moment) -> list[Alarm]:
    """The newest alarms that are about questions, not about the records."""
    found = [each for each in moment.alarms if cause_of(each) not in OF_MEASURING]
    return sorted(found, key=lambda each: each.since)[-MOST_LABELS:]


def _told(alarm: Alarm) -> str:
    where = f" ({alarm.slice})" if alarm.slice not in ("", "all") else ""
    why = f": {alarm.cause_why}" if alarm.cause_why else ""
    return f"Since {alarm.since:%-d %B}: {alarm.channel}{where}. Cause: {alarm.cause}{why}."


def _alarms(axes: _Axes, alarms: Sequence[Alarm]) -> list[str]:
    parts: list[str] = []
    for alarm in alarms:
        if axes.first <= alarm.since <= axes.last:
            parts.append(axes.upright(alarm.since, "alarm"))
    return parts


# --- a step of the clock --------------------------------------------------------------------------


def _clock(story: LiveStory) -> str:
    moment = story.moments[2]
    weeks = story.weeks
    axes = _Axes(weeks[0].at, weeks[-1].at, 0.0, 0.6)
    parts = axes.grid((0.0, 0.2, 0.4, 0.6), "{:.0%}") + axes.months()
    broken = [each for each in moment.alarms if cause_of(each) in OF_MEASURING]
    if broken:
        since = min(each.since for each in broken)
        x = axes.x(since)
        width = WIDTH - RIGHT - x
        tall = HEIGHT - TOP - BOTTOM
        parts.append(element("rect", class_="doubt", x=x, y=TOP, width=width, height=tall))
        parts.append(axes.upright(since, "alarm"))
        parts.append(axes.label(since, "records changed", kind="told"))
    for week in weeks:
        parts += axes.reading(week.at, week.wrong)
    for number, stop in enumerate(story.moments):
        parts.append(axes.upright(stop.at, "stop"))
        parts.append(axes.label(stop.at, stop.decision.action, row=number % 2))
    return (
        "<h2>A step of the clock: no reason to retrain</h2><p>Wrong areas by week with 95 % "
        "intervals. Shaded: from here on the records are in doubt, and readings are left out.</p>"
        f"{_picture(parts, 'Share of wrong answers by week, with decisions')}{_decided(moment)}"
    )


# --- a promotion ----------------------------------------------------------------------------------


def _promotion(tried: Sequence[TriedVersion]) -> str:
    shown = [each for each in tried if each.gain is not None]
    ends = [abs(end) for each in shown if each.gain for end in (each.gain.low, each.gain.high)]
    reach = max([*ends, 0.05]) * 1.1
    parts = [_across(0.0, reach, "grid")]
    step = 0.05 if reach < 0.25 else 0.2
    for number in range(-int(reach / step), int(reach / step) + 1):
        value = number * step
        text = f"{100 * value:+.0f}" if number else "0"
        x = _place(value, reach)
        parts.append(element("text", text, x=x, y=HEIGHT - 8, text_anchor="middle"))
    for number, each in enumerate(shown):
        if each.gain is not None:
            parts += _interval(each, each.gain, 60 + number * 80, reach)
    lines = [f"{each.name[:1].upper()}{each.name[1:]}: {each.told}." for each in tried]
    said = "".join(f"<p>{escape(line)}</p>" for line in lines)
    return (
        "<h2>A promotion, earned or refused</h2><p>Points of right answers more than the version "
        "that serves, on the same later questions, with 95 % intervals.</p>"
        f"{_picture(parts, 'Gain of each version over the one that serves')}{said}"
    )


def _place(value: float, reach: float) -> float:
    return round(WIDTH / 2 + value / reach * (WIDTH / 2 - 30), 1)


def _across(value: float, reach: float, kind: str) -> str:
    x = _place(value, reach)
    return element("line", class_=kind, x1=x, x2=x, y1=TOP, y2=HEIGHT - BOTTOM)


def _interval(tried: TriedVersion, gain: Estimate, y: float, reach: float) -> list[str]:
    low, high = _place(gain.low, reach), _place(gain.high, reach)
    middle = _place(gain.value, reach)
    verdict = "promoted" if tried.is_earned else "refused"
    return [
        element("text", f"{tried.name}: {verdict}", x=30, y=y),
        element("line", class_="band", x1=low, x2=high, y1=y + 18, y2=y + 18),
        element("circle", class_="dot", cx=middle, cy=y + 18, r=4),
    ]


# --- a repair -------------------------------------------------------------------------------------


def _repair(story: LiveStory) -> str:
    service = story.repaired
    weeks = service.weeks
    axes = _Axes(weeks[0].at, weeks[-1].at, 0.0, 0.6)
    parts = axes.grid((0.0, 0.2, 0.4, 0.6), "{:.0%}") + axes.months()
    parts += [axes.upright(service.fact, "alarm")]
    parts.append(axes.label(service.fact, "right answers change", kind="told"))
    for week in weeks:
        parts += axes.reading(week.at, week.wrong)
    if service.retrained is not None:
        parts.append(axes.upright(service.retrained, "stop"))
        parts.append(axes.label(service.retrained, "retrained", row=1))
    at, decision = service.decisions[-1]
    return (
        "<h2>A decay that retraining repairs</h2><p>A made-up service: answers that people found "
        "wrong, by week, with 95 % intervals.</p>"
        f"{_picture(parts, 'Share of wrong answers of the made-up service by week')}"
        f"{_decided(Moment(at, service.alarms, decision))}"
    )


def _picture(parts: Sequence[str], label: str) -> str:
    return element(
        "svg",
        joined(parts),
        viewBox=f"0 0 {WIDTH} {HEIGHT}",
        role="img",
        aria_label=label,
    )
