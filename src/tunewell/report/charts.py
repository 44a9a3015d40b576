"""Charts as inline SVG that follows the page: colours by style sheet, positions in per cent, one drawing for any width.

Shapes differ by meaning (dot, ring, cross), never colour alone; every chart carries its reading as
text.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from tunewell.report.figures import explain, number_of, suffix
from tunewell.types import Estimate, Outcome


@dataclass(frozen=True)
class Scale:
    """A stretch of the number line on 0–100 % of a chart's width."""

    low: float
    high: float

    def at(self, value: float) -> float:
        """Position in per cent, kept inside the chart."""
        return min(max((value - self.low) / (self.high - self.low), 0.0), 1.0) * 100

    def holds(self, value: float) -> bool:
        """Whether the value lies on the chart."""
        return self.low <= value <= self.high


def scale_for(
    values: Sequence[float], *, floor: float = -math.inf, ceiling: float = math.inf
) -> Scale:
    """A scale that holds all finite values with some air, cut at the possible range.

    Example:
        >>> scale_for([-50.0, 50.0])
        Scale(low=-64.0, high=64.0)
    """
    finite = [v for v in values if math.isfinite(v)] or [0.0, 1.0]
    low, high = min(finite), max(finite)
    air = 0.14 * (high - low) or max(abs(high), 1.0) * 0.1
    low, high = max(low - air, floor), min(high + air, ceiling)
    return Scale(low, high if high > low else low + 1.0)


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
    marks = [x for x in (threshold, 0.0 if signed else None) if x is not None]
    ends = [estimate.low, estimate.value, estimate.high] if estimate else []
    share = unit == "share" and not signed
    if share and not estimate:
        ends = [0.0, 1.0]
    scale = scale_for(
        [*ends, *marks], floor=0.0 if share else -math.inf, ceiling=1.0 if share else math.inf
    )
    parts = ['<line class="axis" x1="0" x2="100%" y1="22" y2="22"/>']
    said = []
    if threshold is not None:
        parts.append(_threshold(scale, threshold, above=above, unit=unit, signed=signed))
        said.append(
            f"needed {'at least' if above else 'at most'} {number_of(threshold, unit, signed=signed)}"
        )
    if (
        signed
        and scale.holds(0.0)
        and (threshold is None or abs(scale.at(0.0) - scale.at(threshold)) > 1)
    ):
        parts.append(
            f'<line class="zero" x1="{scale.at(0):.2f}%" x2="{scale.at(0):.2f}%" y1="10" y2="34"/>'
        )
    if estimate:
        parts.append(_interval(scale, estimate, outcome, y=22))
        said.insert(
            0,
            f"measured {number_of(estimate.value, unit, signed=signed)}, {explain(estimate, signed=signed)}",
        )
    else:
        parts.append(
            '<text class="muted" x="50%" y="16" text-anchor="middle">not measured yet</text>'
        )
        said.insert(0, "not measured yet")
    label = f"{outcome}: {'; '.join(said)}"
    return Markup(
        '<svg class="strip" role="img" aria-label="{}" height="54" width="100%">{}</svg>'
    ).format(label, Markup("".join(parts)))


def _threshold(scale: Scale, threshold: float, *, above: bool, unit: str, signed: bool) -> str:
    x = scale.at(threshold)
    left, width = (x, 100 - x) if above else (0.0, x)
    sign = "≥" if above else "≤"
    anchor, shift = ("start", 4) if x < 60 else ("end", -4)
    text = f"{sign} {number_of(threshold, unit)}{suffix(unit, signed=signed)} needed"
    return (
        f'<rect class="good" x="{left:.2f}%" width="{width:.2f}%" y="10" height="24"/>'
        f'<line class="limit" x1="{x:.2f}%" x2="{x:.2f}%" y1="6" y2="38"/>'
        f'<text class="muted" x="{x:.2f}%" dx="{shift}" y="49" text-anchor="{anchor}">{Markup.escape(text)}</text>'
    )


def _interval(scale: Scale, estimate: Estimate, kind: str, *, y: int) -> str:
    low, value, high = scale.at(estimate.low), scale.at(estimate.value), scale.at(estimate.high)
    name = {"GO": "go", "NO-GO": "nogo", "INCONCLUSIVE": "open"}.get(kind, kind)
    shape = {
        "nogo": '<path d="M-5.5-5.5L5.5 5.5M-5.5 5.5L5.5-5.5"/>',
        "open": '<circle class="ring" r="5"/>',
    }.get(name, '<circle r="5.5"/>')
    return (
        f'<g class="iv {name}"><line x1="{low:.2f}%" x2="{high:.2f}%" y1="{y}" y2="{y}"/>'
        + "".join(
            f'<line class="cap" x1="{x:.2f}%" x2="{x:.2f}%" y1="{y - 5}" y2="{y + 5}"/>'
            for x, end in ((low, estimate.low), (high, estimate.high))
            if scale.holds(end)
        )
        + f'<svg x="{value:.2f}%" y="{y}" overflow="visible">{shape}</svg></g>'
    )


def row_strip(
    estimate: Estimate, scale: Scale, kind: str, *, signed: bool = False, zero: bool = False
) -> Markup:
    """One interval of a group that shares a scale (arms of a metric, slices of a field)."""
    parts = ['<line class="axis" x1="0" x2="100%" y1="14" y2="14"/>']
    if zero and scale.holds(0.0):
        parts.append(
            f'<line class="zero" x1="{scale.at(0):.2f}%" x2="{scale.at(0):.2f}%" y1="0" y2="28"/>'
        )
    parts.append(_interval(scale, estimate, kind, y=14))
    label = f"{number_of(estimate.value, estimate.unit, signed=signed)}, {explain(estimate, signed=signed)}"
    return Markup(
        '<svg class="strip" role="img" aria-label="{}" height="28" width="100%">{}</svg>'
    ).format(label, Markup("".join(parts)))


def stream(before: float, after: float) -> Markup:
    """One step of the flow of rows: the trunk that goes on below, and what branches off to the right.

    Args:
        before: Share of all rows that reach the step, in [0, 1].
        after: Share that goes on.
    """
    wide, narrow = 78 * before, 78 * after
    branch = ""
    if wide > narrow:
        t = min(max((before - after) * 120, 1.4), 30)
        top = 21 - t / 2
        branch = (
            f'<path class="drop" d="M{narrow:.2f} 0 C{narrow + 2:.2f} {top + t:.2f} {narrow + 8:.2f} {top + t:.2f} '
            f"{min(narrow + 16, 99):.2f} {top + t:.2f} H100 V{top:.2f} H{min(wide + 12, 99):.2f} "
            f'C{wide + 6:.2f} {top:.2f} {wide:.2f} {top * 0.7:.2f} {wide:.2f} 0 Z"/>'
        )
    return Markup(
        '<svg class="stream" viewBox="0 0 100 42" preserveAspectRatio="none" aria-hidden="true">'
        '{}<path class="trunk" d="M0 0H{:.2f}V42H0Z"/></svg>'
    ).format(Markup(branch), narrow)
