"""Pictures of training, as inline SVG: losses by epoch, the learning curve, rows known by heart.

All stand in one frame: positions in per cent, round numbers on both axes, the reading as text for
those who do not see it. Lines and bands lie in an inner drawing of 100 by 100 that stretches with
the page.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from tunewell.report.charts import Scale
from tunewell.report.figures import explain, number_of
from tunewell.types import Estimate


@dataclass(frozen=True)
class LossCurve:
    """Mean and spread of a loss over the folds.

    Attributes:
        name: ``held out`` or ``trained on``.
        mean: Shape (evaluations,).
        low: Lowest fold, shape (evaluations,).
        high: Highest fold.
    """

    name: str
    mean: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]


@dataclass(frozen=True)
class Size:
    """The loss at a number of training rows.

    Attributes:
        rows: How many.
        loss: With its interval.
        measured: Or forecast.
    """

    rows: int
    loss: Estimate
    measured: bool


@dataclass(frozen=True)
class Dot:
    """One row under the folds.

    Attributes:
        row: Its id.
        held_out: Its loss under the fold that never saw it, nats a token.
        trained_on: Under one that did.
        by_heart: Whether the two part by more than T02 allows.
    """

    row: str
    held_out: float
    trained_on: float
    by_heart: bool


def curves(
    at: NDArray[np.float64], lines: Sequence[LossCurve], *, best: float | None, label: str
) -> Markup:
    """Loss by epoch: a line for the mean over the folds, a band for their spread, the best epoch marked.

    Args:
        at: Epochs, shape (evaluations,).
        lines: The first is drawn solid, the second dashed.
        best: Epoch at which the held-out loss was lowest.
        label: What it shows, in a sentence.
    """
    values = np.concatenate([np.concatenate([c.low, c.high]) for c in lines])
    ticks = _ticks(float(np.nanmin(values)), float(np.nanmax(values)))
    y = Scale(ticks[0], ticks[-1])
    x = Scale(float(at.min()), float(at.max()) if at.max() > at.min() else float(at.min()) + 1)
    across = [(x.at(t), f"{t:g}") for t in _whole(float(at.min()), float(at.max()))]
    styles = ["solid" if i == 0 else "dashed" for i in range(len(lines))]
    drawn = "".join(_curve(at, c, x, y, style) for c, style in zip(lines, styles, strict=True))
    names = "".join(
        _name(c, y, style, up=i == 0)
        for i, (c, style) in enumerate(zip(lines, styles, strict=True))
    )
    mark = "" if best is None else _mark(x.at(best), f"best at epoch {best:g}")
    return _framed("curves", label, across, y, ticks, mark + _inner(drawn) + names)


def growth(sizes: Sequence[Size]) -> Markup:
    """The learning curve: the held-out loss by rows, doublings evenly spaced, the forecast dashed with its band.

    Args:
        sizes: Rising in rows; the measured ones first.
    """
    ends = [v for s in sizes for v in (s.loss.low, s.loss.high) if math.isfinite(v)]
    ticks = _ticks(min(ends), max(ends))
    y = Scale(ticks[0], ticks[-1])
    x = Scale(math.log2(sizes[0].rows) - 0.25, math.log2(sizes[-1].rows) + 0.25)
    known = [s for s in sizes if s.measured]
    ahead = [known[-1], *(s for s in sizes if not s.measured)]
    across = [(x.at(math.log2(s.rows)), f"{s.rows:,}") for s in sizes]
    band = (
        _points([(s.rows, s.loss.high) for s in ahead], x, y)
        + " "
        + _points([(s.rows, s.loss.low) for s in reversed(ahead)], x, y)
    )
    lines = (
        f'<polygon class="band dashed" points="{band}"/>'
        f'<polyline class="line dashed" points="{_points([(s.rows, s.loss.value) for s in ahead], x, y)}"/>'
        f'<polyline class="line solid" points="{_points([(s.rows, s.loss.value) for s in known], x, y)}"/>'
    )
    marks = "".join(_whiskers(s, x, y) for s in sizes)
    said = "; ".join(
        f"{s.rows:,} rows{'' if s.measured else ' (forecast)'}: {number_of(s.loss.value)}, {explain(s.loss)}"
        for s in sizes
    )
    now = _mark(x.at(math.log2(known[-1].rows)), "all rows there are")
    return _framed(
        "curves",
        f"Held-out loss by training rows. {said}",
        across,
        y,
        ticks,
        now + _inner(lines) + marks,
    )


def scatter(dots: Sequence[Dot], *, label: str) -> Markup:
    """Each row's loss when it was held out (across) and when it was trained on (upwards).

    On the diagonal it is as new.

    Args:
        dots: The rows to draw.
        label: What it shows, in a sentence.
    """
    values = [v for d in dots for v in (d.held_out, d.trained_on)]
    ticks = _ticks(min(values), max(values))
    scale = Scale(ticks[0], ticks[-1])
    across = [(scale.at(t), f"{t:.3g}") for t in ticks[1:]]
    diagonal = '<line class="zero" x1="0" y1="100%" x2="100%" y2="0"/>'
    shapes = {False: '<circle r="3.2"/>', True: '<path d="M-4-4L4 4M-4 4L4-4"/>'}
    marks = "".join(
        f'<svg class="dot {"heart" if d.by_heart else "new"}" x="{scale.at(d.held_out):.2f}%" '
        f'y="{100 - scale.at(d.trained_on):.2f}%" overflow="visible">{shapes[d.by_heart]}</svg>'
        for d in sorted(dots, key=lambda d: d.by_heart)
    )
    return _framed("scatter", label, across, scale, ticks, diagonal + marks)


def _framed(
    kind: str,
    label: str,
    across: Sequence[tuple[float, str]],
    y: Scale,
    ticks: Sequence[float],
    body: str,
) -> Markup:
    grid = "".join(
        f'<line class="grid" x1="0" x2="100%" y1="{100 - y.at(t):.2f}%" y2="{100 - y.at(t):.2f}%"/>'
        f'<text class="muted" x="0" y="{100 - y.at(t):.2f}%" dy="-4">{t:.3g}</text>'
        for t in ticks
    )
    below = "".join(
        f'<text class="muted" x="{at:.2f}%" y="100%" dy="18" text-anchor="{_anchor(at)}">{text}</text>'
        for at, text in across
    )
    return Markup(
        '<svg class="{}" role="img" aria-label="{}" width="100%" height="280">{}</svg>'
    ).format(kind, label, Markup(grid + below + body))


def _inner(drawn: str) -> str:
    return (
        '<svg viewBox="0 0 100 100" preserveAspectRatio="none" width="100%" height="100%" overflow="visible">'
        f"{drawn}</svg>"
    )


def _mark(at: float, text: str) -> str:
    """A dashed upright line with its name on the side where there is room."""
    side, shift = ("start", 6) if at < 60 else ("end", -6)
    return (
        f'<line class="best" x1="{at:.2f}%" x2="{at:.2f}%" y1="0" y2="100%"/><text class="strong" x="{at:.2f}%" y="0" '
        f'dy="10" dx="{shift}" text-anchor="{side}">{Markup.escape(text)}</text>'
    )


def _points(pairs: Sequence[tuple[float, float]], x: Scale, y: Scale) -> str:
    return " ".join(f"{x.at(math.log2(rows)):.2f},{100 - y.at(loss):.2f}" for rows, loss in pairs)


def _whiskers(size: Size, x: Scale, y: Scale) -> str:
    at = x.at(math.log2(size.rows))
    low, value, high = (100 - y.at(v) for v in (size.loss.low, size.loss.value, size.loss.high))
    shape = '<circle r="5"/>' if size.measured else '<circle class="ring" r="5"/>'
    return (
        f'<g class="iv {"tuned" if size.measured else "open"}">'
        f'<line class="cap" x1="{at:.2f}%" x2="{at:.2f}%" y1="{low:.2f}%" y2="{high:.2f}%"/>'
        f'<svg x="{at:.2f}%" y="{value:.2f}%" overflow="visible">{shape}</svg></g>'
    )


def _curve(at: NDArray[np.float64], c: LossCurve, x: Scale, y: Scale, style: str) -> str:
    def points(values: NDArray[np.float64], order: slice = slice(None)) -> str:
        pairs = list(zip(at.tolist(), values.tolist(), strict=True))[order]
        return " ".join(f"{x.at(a):.2f},{100 - y.at(v):.2f}" for a, v in pairs if math.isfinite(v))

    back = slice(None, None, -1)
    return (
        f'<polygon class="band {style}" points="{points(c.high)} {points(c.low, back)}"/>'
        f'<polyline class="line {style}" points="{points(c.mean)}"/>'
    )


def _name(c: LossCurve, y: Scale, style: str, *, up: bool) -> str:
    finite = c.mean[np.isfinite(c.mean)]
    edge = (c.high if up else c.low)[np.isfinite(c.mean)]
    if not len(finite):
        return ""
    at = 100 - y.at(float(edge[-1]))
    return (
        f'<text class="name {style}" x="100%" y="{at:.2f}%" dy="{-10 if up else 18}" text-anchor="end">'
        f"{Markup.escape(c.name)} {finite[-1]:.2f}</text>"
    )


def _anchor(percent: float) -> str:
    return "start" if percent < 2 else "end" if percent > 98 else "middle"


def _ticks(low: float, high: float) -> list[float]:
    """Four to seven round numbers that enclose the values."""
    span = max(high - low, 1e-6)
    step = 10 ** math.floor(math.log10(span / 4))
    step *= next(m for m in (1, 2, 2.5, 5, 10) if span / (step * m) <= 5)
    first, last = math.floor(low / step), math.ceil(high / step)
    return [round(i * step, 10) for i in range(first, last + 1)]


def _whole(low: float, high: float) -> list[int]:
    step = max(1, math.ceil((high - low) / 8))
    return list(range(math.ceil(low), math.floor(high) + 1, step))
