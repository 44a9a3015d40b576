"""Label figures class by class, and whether the model knows when it is right, as the comparison shows them."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from markupsafe import Markup

from tunewell.report.charts import Scale
from tunewell.report.figures import explain, number_of
from tunewell.report.results import Results

if TYPE_CHECKING:
    from tunewell.evaluate.calibration import Calibration
    from tunewell.evaluate.classes import ClassFigure
    from tunewell.stats import Bin

FIRST: Final = 12
"""Classes that are shown at once."""
MOST: Final = 100
"""Classes that are shown at all; ``tunewell evaluate --json`` has the rest."""


@dataclass(frozen=True)
class ByClass:
    """The classes of one arm by one label metric, weakest first.

    Attributes:
        arm: Who answered.
        metric: Name of the label metric.
        first: The weakest.
        rest: Those after them.
        left_out: How many are not shown.
    """

    arm: str
    metric: str
    first: tuple[ClassFigure, ...]
    rest: tuple[ClassFigure, ...]
    left_out: int


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


def by_class(results: Results) -> tuple[ByClass, ...]:
    """Each label metric's classes for the tuned arm (the last arm where there is none), lowest F1 first."""
    figures = results.classes.figures if results.classes else ()
    found = []
    for metric in dict.fromkeys(f.metric for f in figures):
        arm = _chosen(f.arm for f in figures if f.metric == metric)
        mine = sorted((f for f in figures if (f.metric, f.arm) == (metric, arm)), key=_strength)
        found.append(
            ByClass(
                arm, metric, tuple(mine[:FIRST]), tuple(mine[FIRST:MOST]), max(len(mine) - MOST, 0)
            )
        )
    return tuple(found)


def sureties(results: Results) -> tuple[Surety, ...]:
    """Each metric of confidence with the calibration of every arm."""
    found = []
    for metric in dict.fromkeys(c.metric for c in results.calibration):
        arms = [c for c in results.calibration if c.metric == metric]
        chosen = _chosen(c.arm for c in arms)
        arms.sort(key=lambda c: c.arm != chosen)
        found.append(Surety(metric, arms[0], tuple(arms)))
    return tuple(found)


def in_short(calibration: Calibration) -> str:
    """What the over-confidence says, in words."""
    gap = calibration.overconfidence
    if gap.low > 0:
        return "too sure of itself"
    return (
        "less sure than it could be"
        if gap.high < 0
        else "neither too sure nor too unsure, as far as can be told"
    )


def bin_kind(part: Bin) -> str:
    """``nogo`` (less right than it is sure), ``open`` (more right), or ``tuned`` (the interval holds it)."""
    return (
        "nogo"
        if part.right.high < part.confidence
        else "open"
        if part.right.low > part.confidence
        else "tuned"
    )


def reliability(calibration: Calibration) -> Markup:
    """The reliability curve: how right the answers are, by how sure the model is, each bin with its interval."""
    sure = [b.confidence for b in calibration.curve]
    x = Scale(
        max(math.floor(min(sure) * 10 - 1e-9), 0) / 10,
        min(math.ceil(max(sure) * 10 + 1e-9), 10) / 10,
    )
    y = Scale(0.0, 1.0)
    levels = "".join(
        f'<line class="grid" x1="0" x2="100%" y1="{100 - y.at(t):.0f}%" y2="{100 - y.at(t):.0f}%"/>'
        f'<text class="muted" x="0" y="{100 - y.at(t):.0f}%" dx="-8" dy="4" text-anchor="end">{t * 100:.0f} %</text>'
        for t in (0.0, 0.25, 0.5, 0.75, 1.0)
    )
    tenths = range(round(x.low * 10), round(x.high * 10) + 1)
    below = "".join(
        f'<text class="muted" x="{x.at(t / 10):.2f}%" y="100%" dy="20" text-anchor="middle">{t * 10} %</text>'
        for t in tenths[:: 2 if len(tenths) > 6 else 1]
    )
    fair = (
        f'<line class="zero" x1="{x.at(x.low):.2f}%" x2="{x.at(x.high):.2f}%" y1="{100 - y.at(x.low):.2f}%" '
        f'y2="{100 - y.at(x.high):.2f}%"/>'
    )
    points = " ".join(
        f"{x.at(b.confidence):.2f},{100 - y.at(b.right.value):.2f}" for b in calibration.curve
    )
    line = (
        '<svg x="0" viewBox="0 0 100 100" preserveAspectRatio="none" width="100%" height="100%" overflow="visible">'
        f'<polyline class="line joins" points="{points}"/></svg>'
    )
    said = "; ".join(
        f"{number_of(b.confidence, 'share')} % sure: {number_of(b.right.value, 'share')} % right, {explain(b.right)}"
        for b in calibration.curve
    )
    return Markup(
        '<svg class="reliability" role="img" aria-label="Share right by confidence, {}. {}" width="100%" height="290">'
        '<svg x="14%" y="10" width="79%" height="250" overflow="visible">{}</svg></svg>'
    ).format(
        in_short(calibration),
        said,
        Markup(levels + below + fair + line + "".join(_marks(calibration, x, y))),
    )


def _marks(calibration: Calibration, x: Scale, y: Scale) -> Iterable[str]:
    for b in calibration.curve:
        at, kind = x.at(b.confidence), bin_kind(b)
        low, value, high = (100 - y.at(v) for v in (b.right.low, b.right.value, b.right.high))
        shape = {
            "nogo": '<path d="M-5.5-5.5L5.5 5.5M-5.5 5.5L5.5-5.5"/>',
            "open": '<circle class="ring" r="5"/>',
        }.get(kind, '<circle r="5"/>')
        yield (
            f'<g class="iv {kind}"><line class="cap" x1="{at:.2f}%" x2="{at:.2f}%" y1="{low:.2f}%" y2="{high:.2f}%"/>'
            f'<svg x="{at:.2f}%" y="{value:.2f}%" overflow="visible">{shape}</svg></g>'
        )


def _chosen(arms: Iterable[str]) -> str:
    names = list(arms)
    return "tuned" if "tuned" in names else names[-1]


def _strength(figure: ClassFigure) -> tuple[float, float, str]:
    known = figure.f1
    return (known.value, known.high, figure.label) if known else (-1.0, 0.0, figure.label)
