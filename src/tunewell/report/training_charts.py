"""Pictures of training, as inline SVG: losses by epoch, the learning curve, memorised rows.

All stand in one frame: positions in per cent, round numbers on both axes, the reading as text for
those who do not see it. Lines and bands lie in an inner drawing of 100 by 100 that stretches with
the page.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from tunewell.plurals import plural
from tunewell.report.interval_charts import Scale, ends_of, upright_interval
from tunewell.report.number_format import described
from tunewell.report.svg import chart, element, joined, level, marker, percent, stretched, upright
from tunewell.types import Estimate

Floats = NDArray[np.float64]

HEIGHT: Final = 280
_STEPS: Final = (1, 2, 2.5, 5, 10)
"""Between two ticks, times a power of ten."""

_FEWEST_TICKS: Final = 4
_MOST_TICKS: Final = 5
_MOST_EPOCHS_NAMED: Final = 8


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
    mean: Floats
    low: Floats
    high: Floats


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

    @property
    def doublings(self) -> float:
        """Where it is drawn: every doubling of the rows is one step."""
        return math.log2(self.rows)


@dataclass(frozen=True)
class Dot:
    """One row under the folds.

    Attributes:
        row: Its id.
        held_out: Its loss under the fold that never saw it, nats a token.
        trained_on: Under one that did.
        memorised: Whether the two differ by more than T02 allows.
    """

    row: str
    held_out: float
    trained_on: float
    memorised: bool


@dataclass(frozen=True)
class _Axes:
    """Both scales of a chart, and the round numbers on the upright one."""

    x: Scale
    ticks: Sequence[float]

    @property
    def y(self) -> Scale:
        """From the lowest tick to the highest."""
        return Scale(self.ticks[0], self.ticks[-1])

    def point(
        self,
        x: float,
        y: float,
    ) -> str:
        """A point of a line in an inner drawing of 100 by 100."""
        return f"{self.x.at(x):.2f},{self.y.down(y):.2f}"

    def points(
        self,
        xs: Floats,
        ys: Floats,
    ) -> str:
        """The points of a line, those without a value left out."""
        known = np.isfinite(ys)
        points = map(self.point, xs[known].tolist(), ys[known].tolist())
        return " ".join(points)


@dataclass(frozen=True)
class _Style:
    """How a curve is drawn: the first solid and named above its end, the second dashed, below."""

    name: str
    above: bool
    shift: int


_STYLES: Final = (
    _Style("solid", above=True, shift=-10),
    _Style("dashed", above=False, shift=18),
)


def curves(
    at: Floats,
    lines: Sequence[LossCurve],
    *,
    best: float | None,
    label: str,
) -> Markup:
    """Loss by epoch: a line for the mean over the folds, a band for their spread.

    Args:
        at: Epochs, shape (evaluations,).
        lines: One or two; the first is drawn solid, the second dashed.
        best: Epoch at which the held-out loss was lowest; it is marked.
        label: What it shows, in a sentence.
    """
    first, last = float(at.min()), float(at.max())
    across = Scale(first, last if last > first else first + 1)
    ends = np.concatenate([end for line in lines for end in (line.low, line.high)])
    axes = _Axes(across, _ticks(ends.tolist()))

    parts = []
    drawn = []
    names = []
    for line, style in zip(lines, _STYLES, strict=False):
        drawn.append(_curve(at, line, axes, style))
        names.append(_name(line, axes.y, style))
    if best is not None:
        parts.append(_mark(across.at(best), f"best at epoch {best:g}"))
    parts += [stretched(*drawn), *names]
    epochs = [(across.at(epoch), f"{epoch:g}") for epoch in _whole_numbers(first, last)]
    return _framed(
        "curves",
        label,
        epochs,
        axes,
        parts,
    )


def growth(sizes: Sequence[Size]) -> Markup:
    """The learning curve: the held-out loss by rows, doublings evenly spaced.

    The forecast is dashed and has a band.

    Args:
        sizes: Rising in rows; the measured ones first.
    """
    ticks = _ticks(ends_of(size.loss for size in sizes))
    across = Scale(
        low=sizes[0].doublings - 0.25,
        high=sizes[-1].doublings + 0.25,
    )
    axes = _Axes(across, ticks)

    measured = [size for size in sizes if size.measured]
    last = measured[-1]
    ahead = [last, *sizes[len(measured) :]]
    lines = stretched(
        _band(ahead, axes),
        _losses(ahead, axes, "dashed"),
        _losses(measured, axes, "solid"),
    )
    parts = [_mark(across.at(last.doublings), "all rows there are"), lines]
    names = []
    words = []
    for size in sizes:
        at = across.at(size.doublings)
        kind = "tuned" if size.measured else "open"
        parts.append(upright_interval(size.loss, axes.y, kind, x=at))
        names.append((at, f"{size.rows:,}"))
        words.append(_size_words(size))
    label = f"Held-out loss by training rows. {'; '.join(words)}"
    return _framed(
        "curves",
        label,
        names,
        axes,
        parts,
    )


def _band(ahead: Sequence[Size], axes: _Axes) -> Markup:
    """The forecast's interval: along its upper ends, and back along the lower ones."""
    points = [axes.point(size.doublings, size.loss.high) for size in ahead]
    points += [axes.point(size.doublings, size.loss.low) for size in reversed(ahead)]
    return element("polygon", class_="band dashed", points=" ".join(points))


def _losses(
    sizes: Sequence[Size],
    axes: _Axes,
    style: str,
) -> Markup:
    points = [axes.point(size.doublings, size.loss.value) for size in sizes]
    return element("polyline", class_=f"line {style}", points=" ".join(points))


def _size_words(size: Size) -> str:
    forecast = "" if size.measured else " (forecast)"
    return f"{plural(size.rows, 'row')}{forecast}: {described(size.loss)}"


def scatter(dots: Sequence[Dot], *, label: str) -> Markup:
    """Each row's loss when it was held out (across) and when it was trained on (upwards).

    On the diagonal it is as new.

    Args:
        dots: The rows to draw.
        label: What it shows, in a sentence.
    """
    values = [loss for dot in dots for loss in (dot.held_out, dot.trained_on)]
    ticks = _ticks(values)
    scale = Scale(ticks[0], ticks[-1])
    across = [(scale.at(tick), f"{tick:.3g}") for tick in ticks[1:]]
    diagonal = element(
        "line",
        class_="zero",
        x1=0,
        y1="100%",
        x2="100%",
        y2=0,
    )
    memorised_last = sorted(dots, key=lambda dot: dot.memorised)
    parts = [diagonal, *(_dot(dot, scale) for dot in memorised_last)]
    return _framed(
        "scatter",
        label,
        across,
        _Axes(scale, ticks),
        parts,
    )


def _dot(dot: Dot, scale: Scale) -> Markup:
    x = scale.at(dot.held_out)
    y = scale.down(dot.trained_on)
    if dot.memorised:
        return marker(
            element("path", d="M-4-4L4 4M-4 4L4-4"),
            x=x,
            y=y,
            class_="dot memorised",
        )
    return marker(
        element("circle", r=3.2),
        x=x,
        y=y,
        class_="dot new",
    )


def _framed(
    kind: str,
    label: str,
    across: Sequence[tuple[float, str]],
    axes: _Axes,
    parts: Sequence[Markup],
) -> Markup:
    """A chart in its frame: a line and a number for every tick, the names of places below."""
    frame = []
    for tick in axes.ticks:
        y = percent(axes.y.down(tick))
        frame.append(level("grid", y))
        frame.append(
            element(
                "text",
                f"{tick:.3g}",
                class_="muted",
                x=0,
                y=y,
                dy=-4,
            )
        )
    for at, text in across:
        frame.append(
            element(
                "text",
                text,
                class_="muted",
                x=percent(at),
                y="100%",
                dy=18,
                text_anchor=_anchor(at),
            )
        )
    return chart(
        kind,
        *frame,
        *parts,
        label=label,
        height=HEIGHT,
    )


def _mark(at: float, text: str) -> Markup:
    """A dashed upright line with its name on the side where there is room."""
    side, shift = ("start", 6) if at < 60 else ("end", -6)
    x = percent(at)
    line = upright("best", x, 0, "100%")
    name = element(
        "text",
        text,
        class_="strong",
        x=x,
        y=0,
        dy=10,
        dx=shift,
        text_anchor=side,
    )
    return joined([line, name])


def _curve(
    at: Floats,
    line: LossCurve,
    axes: _Axes,
    style: _Style,
) -> Markup:
    above = axes.points(at, line.high)
    below = axes.points(at[::-1], line.low[::-1])
    band = element("polygon", class_=f"band {style.name}", points=f"{above} {below}")
    points = axes.points(at, line.mean)
    mean = element("polyline", class_=f"line {style.name}", points=points)
    return joined([band, mean])


def _name(
    line: LossCurve,
    y: Scale,
    style: _Style,
) -> Markup:
    """The curve's name and last value at its right end, outside its band."""
    known = np.flatnonzero(np.isfinite(line.mean))
    if not len(known):
        return Markup("")
    last = known[-1]
    edge = line.high if style.above else line.low
    return element(
        "text",
        f"{line.name} {line.mean[last]:.2f}",
        class_=f"name {style.name}",
        x="100%",
        y=percent(y.down(float(edge[last]))),
        dy=style.shift,
        text_anchor="end",
    )


def _anchor(at: float) -> str:
    if at < 2:
        return "start"
    return "end" if at > 98 else "middle"


def _ticks(values: Iterable[float]) -> list[float]:
    """Four to seven round numbers that enclose the values; those without an end do not count."""
    finite = list(filter(math.isfinite, values))
    low, high = min(finite), max(finite)
    span = max(high - low, 1e-6)
    power = 10 ** math.floor(math.log10(span / _FEWEST_TICKS))
    step = power * next(m for m in _STEPS if span / (power * m) <= _MOST_TICKS)
    first, last = math.floor(low / step), math.ceil(high / step)
    return [round(i * step, 10) for i in range(first, last + 1)]


def _whole_numbers(low: float, high: float) -> list[int]:
    step = max(1, math.ceil((high - low) / _MOST_EPOCHS_NAMED))
    return list(range(math.ceil(low), math.floor(high) + 1, step))
