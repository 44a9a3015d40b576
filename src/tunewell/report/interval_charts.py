"""Intervals drawn against a threshold or against each other, and the flow of rows, as inline SVG.

Colours come from the page's style sheet, positions are in per cent, so that one drawing fits any
width. Shapes differ by meaning (disc, ring, cross), never colour alone; every chart carries its
reading as text.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from markupsafe import Markup

from tunewell.plurals import plural
from tunewell.report.number_format import described, number_of, suffix
from tunewell.report.svg import (
    chart,
    element,
    joined,
    level,
    marker,
    outcome_shape,
    percent,
    upright,
)
from tunewell.types import Estimate, Outcome

AIR: Final = 0.14
"""Share of its span that a scale leaves free at either end."""

AT_LEAST: Final = {True: "at least", False: "at most"}
AT_LEAST_SIGN: Final = {True: "≥", False: "≤"}
"""How a threshold reads, by whether the good side is above it."""

_KINDS: Final = {"GO": "go", "NO-GO": "nogo", "INCONCLUSIVE": "open"}
_MIDDLE: Final = 22
_ROW_MIDDLE: Final = 14


@dataclass(frozen=True)
class Scale:
    """A stretch of the number line on 0–100 % of a chart's width."""

    low: float
    high: float

    def at(self, value: float) -> float:
        """Position in per cent, kept inside the chart."""
        share = (value - self.low) / (self.high - self.low)
        return min(max(share, 0.0), 1.0) * 100

    def down(self, value: float) -> float:
        """Position in per cent from the top, for a scale that stands upright."""
        return 100 - self.at(value)

    def holds(self, value: float) -> bool:
        """Whether the value lies on the chart."""
        return self.low <= value <= self.high


def scale_for(
    values: Sequence[float],
    *,
    floor: float = -math.inf,
    ceiling: float = math.inf,
) -> Scale:
    """A scale that holds all finite values with some air, cut at the possible range.

    Example:
        >>> scale_for([-50.0, 50.0])
        Scale(low=-64.0, high=64.0)
    """
    finite = list(filter(math.isfinite, values)) or [0.0, 1.0]
    low, high = min(finite), max(finite)
    air = AIR * (high - low)
    if not air:
        air = max(abs(high), 1.0) * 0.1
    low = max(low - air, floor)
    high = min(high + air, ceiling)
    return Scale(low, high if high > low else low + 1.0)


def ends_of(estimates: Iterable[Estimate]) -> list[float]:
    """Both ends of every interval, for a scale that they share."""
    ends: list[float] = []
    for estimate in estimates:
        ends += [estimate.low, estimate.high]
    return ends


@dataclass(frozen=True)
class Strips:
    """Estimates that share a scale.

    Attributes:
        scale: Zero included.
        rows: Name to estimates, in the order to show them.
    """

    scale: Scale
    rows: Mapping[str, tuple[Estimate, ...]]


def strips(rows: Mapping[str, tuple[Estimate, ...]]) -> Strips:
    """Rows of estimates on the scale that holds them all, and zero."""
    every = [estimate for row in rows.values() for estimate in row]
    return Strips(scale_for([*ends_of(every), 0.0]), rows)


def strips_by_slice(gains: Iterable[tuple[str, int, Estimate]]) -> Strips | None:
    """Slices on one scale, in the order in which they come; None without any.

    Args:
        gains: ``field=value``, rows of the slice, what it gained.
    """
    rows = {}
    for name, count, gain in gains:
        rows[f"{name.replace('=', ': ', 1)} ({plural(count, 'row')})"] = (gain,)
    return strips(rows) if rows else None


def sign(estimate: Estimate, *, wanted: int = -1) -> str:
    """On which side of zero an interval lies.

    ``go`` where the whole interval is on the wanted side, ``nogo`` on the other, else ``open``.
    """
    ends = (wanted * estimate.low, wanted * estimate.high)
    low, high = sorted(ends)
    if low > 0:
        return "go"
    return "nogo" if high < 0 else "open"


@dataclass(frozen=True)
class _Needed:
    """A threshold: on which side of it a figure has to lie."""

    value: float
    above: bool
    unit: str
    signed: bool

    @property
    def words(self) -> str:
        """For a screen reader."""
        side = AT_LEAST[self.above]
        return f"needed {side} {number_of(self.value, self.unit, signed=self.signed)}"

    @property
    def label(self) -> str:
        """As it stands in the chart."""
        side = AT_LEAST_SIGN[self.above]
        unit = suffix(self.unit, signed=self.signed)
        return f"{side} {number_of(self.value, self.unit)}{unit} needed"


def strip(
    estimate: Estimate | None,
    threshold: float | None,
    outcome: Outcome,
    *,
    above: bool = True,
    signed: bool = False,
    unit: str = "",
) -> Markup:
    """An interval drawn against its threshold.

    Args:
        estimate: What was measured; None draws the threshold alone.
        threshold: Where it must lie; None draws the interval alone.
        outcome: Decides shape and colour.
        above: Whether the good side is above the threshold.
        signed: Whether it is a difference: then zero is drawn too.
        unit: For the labels, where there is no estimate.
    """
    unit = estimate.unit if estimate else unit
    scale = _scale_of_strip(
        estimate,
        threshold,
        share=unit == "share",
        signed=signed,
    )
    parts = [_axis(_MIDDLE)]
    words = [_measured_words(estimate, signed=signed)]
    if threshold is not None:
        needed = _Needed(threshold, above, unit, signed)
        parts.append(_threshold(scale, needed))
        words.append(needed.words)
    if signed and _zero_is_apart(scale, threshold):
        parts.append(_zero(scale, top=10, bottom=34))
    if estimate:
        parts.append(_interval(scale, estimate, _KINDS[outcome], y=_MIDDLE))
    else:
        parts.append(_not_measured())
    return chart(
        "strip",
        *parts,
        label=f"{outcome}: {'; '.join(words)}",
        height=54,
    )


def _scale_of_strip(
    estimate: Estimate | None,
    threshold: float | None,
    *,
    share: bool,
    signed: bool,
) -> Scale:
    values: list[float] = []
    if estimate:
        values += [estimate.low, estimate.value, estimate.high]
    if threshold is not None:
        values.append(threshold)
    if signed:
        return scale_for([*values, 0.0])
    if not share:
        return scale_for(values)
    if not estimate:
        values += [0.0, 1.0]
    return scale_for(values, floor=0.0, ceiling=1.0)


def _measured_words(estimate: Estimate | None, *, signed: bool) -> str:
    if estimate is None:
        return "not measured yet"
    return f"measured {described(estimate, signed=signed)}"


def _zero_is_apart(scale: Scale, threshold: float | None) -> bool:
    """Whether zero lies on the chart and its line does not run into that of the threshold."""
    if not scale.holds(0.0):
        return False
    if threshold is None:
        return True
    distance = abs(scale.at(0.0) - scale.at(threshold))
    return distance > 1


def _axis(y: int) -> Markup:
    return level("axis", y)


def _zero(
    scale: Scale,
    *,
    top: int,
    bottom: int,
) -> Markup:
    x = percent(scale.at(0))
    return upright("zero", x, top, bottom)


def _not_measured() -> Markup:
    return element(
        "text",
        "not measured yet",
        class_="muted",
        x="50%",
        y=16,
        text_anchor="middle",
    )


def _threshold(scale: Scale, needed: _Needed) -> Markup:
    x = scale.at(needed.value)
    left, width = (x, 100 - x) if needed.above else (0.0, x)
    anchor, shift = ("start", 4) if x < 60 else ("end", -4)
    at = percent(x)
    good = element(
        "rect",
        class_="good",
        x=percent(left),
        width=percent(width),
        y=10,
        height=24,
    )
    limit = upright("limit", at, 6, 38)
    name = element(
        "text",
        needed.label,
        class_="muted",
        x=at,
        dx=shift,
        y=49,
        text_anchor=anchor,
    )
    return joined([good, limit, name])


def _interval(
    scale: Scale,
    estimate: Estimate,
    kind: str,
    *,
    y: int,
) -> Markup:
    low = percent(scale.at(estimate.low))
    high = percent(scale.at(estimate.high))
    parts = [
        element(
            "line",
            x1=low,
            x2=high,
            y1=y,
            y2=y,
        )
    ]
    for x, end in ((low, estimate.low), (high, estimate.high)):
        if scale.holds(end):
            parts.append(upright("cap", x, y - 5, y + 5))
    value = scale.at(estimate.value)
    parts.append(marker(outcome_shape(kind), x=value, y=str(y)))
    return element("g", *parts, class_=f"iv {kind}")


def row_strip(
    estimate: Estimate,
    scale: Scale,
    kind: str,
    *,
    signed: bool = False,
    zero: bool = False,
) -> Markup:
    """One interval of a group that shares a scale (arms of a metric, slices of a field)."""
    parts = [_axis(_ROW_MIDDLE)]
    if zero and scale.holds(0.0):
        parts.append(_zero(scale, top=0, bottom=28))
    parts.append(_interval(scale, estimate, kind, y=_ROW_MIDDLE))
    return chart(
        "strip",
        *parts,
        label=described(estimate, signed=signed),
        height=28,
    )


def upright_interval(
    estimate: Estimate,
    y: Scale,
    kind: str,
    *,
    x: float,
) -> Markup:
    """An interval that stands upright in a chart, at a place in per cent of its width."""
    at = percent(x)
    low = percent(y.down(estimate.low))
    high = percent(y.down(estimate.high))
    cap = upright("cap", at, low, high)
    shape = marker(outcome_shape(kind), x=x, y=y.down(estimate.value))
    return element("g", cap, shape, class_=f"iv {kind}")


def stream(before: float, after: float) -> Markup:
    """One step of the flow of rows: what goes on below, and what branches off to the right.

    Args:
        before: Share of all rows that reach the step, in [0, 1].
        after: Share that goes on.
    """
    wide, narrow = 78 * before, 78 * after
    branch = _branch(wide, narrow) if wide > narrow else Markup("")
    return element(
        "svg",
        branch,
        element("path", class_="trunk", d=f"M0 0H{narrow:.2f}V42H0Z"),
        class_="stream",
        viewBox="0 0 100 42",
        preserveAspectRatio="none",
        aria_hidden="true",
    )


def _branch(wide: float, narrow: float) -> Markup:
    """What leaves the stream: from the part that it no longer fills, bent out to the right edge."""
    thickness = (wide - narrow) / 78 * 120
    thickness = min(max(thickness, 1.4), 30)
    top = 21 - thickness / 2
    low = top + thickness
    path = (
        f"M{narrow:.2f} 0",
        f"C{narrow + 2:.2f} {low:.2f} {narrow + 8:.2f} {low:.2f}",
        f"{min(narrow + 16, 99):.2f} {low:.2f}",
        f"H100 V{top:.2f} H{min(wide + 12, 99):.2f}",
        f"C{wide + 6:.2f} {top:.2f} {wide:.2f} {top * 0.7:.2f} {wide:.2f} 0 Z",
    )
    return element("path", class_="drop", d=" ".join(path))
