"""Whether the model knows when it is right: calibration by arm, and the reliability curve."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from markupsafe import Markup

from tunewell.report.class_figures import shown_arm
from tunewell.report.grouping import grouped
from tunewell.report.interval_charts import Scale, upright_interval
from tunewell.report.number_format import explain, number_of
from tunewell.report.results import Results
from tunewell.report.svg import chart, element, level, percent, stretched

if TYPE_CHECKING:
    from tunewell.evaluate.calibration import Calibration
    from tunewell.stats import Bin

HEIGHT: Final = 290
_UPRIGHT: Final = Scale(0.0, 1.0)
_QUARTERS: Final = (0.0, 0.25, 0.5, 0.75, 1.0)
_MOST_TENTHS: Final = 6
"""More tenths than this across, and every second one is named."""


@dataclass(frozen=True)
class Surety:
    """One metric of confidence.

    Attributes:
        metric: Name of the ``brier`` metric.
        drawn: The arm whose curve is drawn.
        arms: All arms, the drawn one first.
    """

    metric: str
    drawn: Calibration
    arms: tuple[Calibration, ...]


def sureties(results: Results) -> tuple[Surety, ...]:
    """Each metric of confidence with the calibration of every arm."""
    found = []
    by_metric = grouped(results.calibration, by=lambda c: c.metric)
    for metric, arms in by_metric.items():
        by_arm = grouped(arms, by=lambda c: c.arm)
        first = by_arm.pop(shown_arm(by_arm))
        rest = itertools.chain.from_iterable(by_arm.values())
        found.append(Surety(metric, first[0], (*first, *rest)))
    return tuple(found)


def in_short(calibration: Calibration) -> str:
    """What the over-confidence says, in words."""
    gap = calibration.overconfidence
    if gap.low > 0:
        return "overconfident"
    if gap.high < 0:
        return "underconfident"
    return "neither clearly overconfident nor clearly underconfident"


def bin_kind(part: Bin) -> str:
    """How a bin is drawn.

    ``nogo`` (less right than it is sure), ``open`` (more right), or ``tuned`` (the interval holds
    it).
    """
    if part.right.high < part.confidence:
        return "nogo"
    return "open" if part.right.low > part.confidence else "tuned"


def reliability(calibration: Calibration) -> Markup:
    """The reliability curve: how right the answers are, by how sure the model is.

    Each bin has its interval.
    """
    across = _whole_tenths([b.confidence for b in calibration.curve])
    drawing = element(
        "svg",
        *_frame(across),
        _knows_exactly(across),
        _line(calibration, across),
        *_bins(calibration, across),
        x="14%",
        y=10,
        width="79%",
        height=250,
        overflow="visible",
    )
    bins = "; ".join(_bin_words(b) for b in calibration.curve)
    label = f"Share right by confidence, {in_short(calibration)}. {bins}"
    return chart(
        "reliability",
        drawing,
        label=label,
        height=HEIGHT,
    )


def _whole_tenths(confidences: list[float]) -> Scale:
    """The scale from the tenth below the least confidence to the one above the greatest."""
    low = math.floor(min(confidences) * 10 - 1e-9)
    high = math.ceil(max(confidences) * 10 + 1e-9)
    return Scale(
        low=max(low, 0) / 10,
        high=min(high, 10) / 10,
    )


def _frame(across: Scale) -> list[Markup]:
    """A line for every quarter with its name, and the tenths below."""
    parts = []
    for share in _QUARTERS:
        y = f"{_UPRIGHT.down(share):.0f}%"
        parts.append(level("grid", y))
        name = f"{share * 100:.0f} %"
        parts.append(
            element(
                "text",
                name,
                class_="muted",
                x=0,
                y=y,
                dx=-8,
                dy=4,
                text_anchor="end",
            )
        )
    first, last = round(across.low * 10), round(across.high * 10)
    tenths = range(first, last + 1)
    every = 2 if len(tenths) > _MOST_TENTHS else 1
    for tenth in tenths[::every]:
        x = percent(across.at(tenth / 10))
        name = f"{tenth * 10} %"
        parts.append(
            element(
                "text",
                name,
                class_="muted",
                x=x,
                y="100%",
                dy=20,
                text_anchor="middle",
            )
        )
    return parts


def _knows_exactly(across: Scale) -> Markup:
    """The line on which a model lies that is right as often as it is sure."""
    low = percent(_UPRIGHT.down(across.low))
    high = percent(_UPRIGHT.down(across.high))
    return element(
        "line",
        class_="zero",
        x1="0%",
        x2="100%",
        y1=low,
        y2=high,
    )


def _line(calibration: Calibration, across: Scale) -> Markup:
    points = []
    for b in calibration.curve:
        points.append(f"{across.at(b.confidence):.2f},{_UPRIGHT.down(b.right.value):.2f}")
    line = element("polyline", class_="line joins", points=" ".join(points))
    return stretched(line)


def _bins(calibration: Calibration, across: Scale) -> list[Markup]:
    parts = []
    for b in calibration.curve:
        x = across.at(b.confidence)
        parts.append(upright_interval(b.right, _UPRIGHT, bin_kind(b), x=x))
    return parts


def _bin_words(part: Bin) -> str:
    sure = number_of(part.confidence, "share")
    right = number_of(part.right.value, "share")
    return f"confidence {sure} %: {right} % right, {explain(part.right)}"
