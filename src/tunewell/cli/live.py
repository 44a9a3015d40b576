"""Losses while training, in the terminal: a small chart of this phase, a line for each earlier one.

Held-out rows are drawn as a full line, rows trained on as a dotted one; where stderr is no
terminal, every evaluation is one line of text.
"""

from __future__ import annotations

import contextlib
import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rich.text import Text

from tunewell.cli.common import err, note, progress

if TYPE_CHECKING:
    from tunewell.train.session import Point

WIDTH: Final = 44
HEIGHT: Final = 7
BARS: Final = "▁▂▃▄▅▆▇█"

BRAILLE: Final = 0x2800
"""First of the Braille patterns: the bits of `DOTS` are added to it."""

DOTS: Final = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
"""Bit of each dot of a character: four rows of two."""

DOTTED_EVERY: Final = 3
"""The dotted line has a dot in every third column."""

STAGES: Final[Mapping[str, str]] = {
    "curate": "curate: read, filter and compare the rows",
    "split": "split: find families and divide the rows",
    "train": "train: folds, then the final adapter",
    "evaluate": "evaluate: every model answers the test set",
    "verdict": "verdict: decide the gates",
}
"""What each stage does, as its progress bar says it."""

Points = Sequence[tuple[float, float]]


class Watch:
    """Shows a run's progress bars and, while it trains, its losses.

    Args:
        quiet: Show nothing.
        kept_in: Where other processes find how far it is: the project's ``.tunewell``.

    Example:
        >>> run(file, store, progress=watch.bar, live=watch.point)  # doctest: +SKIP
    """

    def __init__(self, *, quiet: bool = False, kept_in: Path | None = None) -> None:
        self._quiet = quiet
        self._kept_in = kept_in
        self._phases: dict[str, list[Point]] = {}

    @contextlib.contextmanager
    def bar(self, label: str) -> Iterator[Callable[[int, int], None] | None]:
        """A bar on stderr with the losses below it, for one stage.

        What was drawn stays when the stage is over.
        """
        self._phases = {}
        about = STAGES.get(label, label)
        with progress(
            about,
            quiet=self._quiet,
            below=self.drawn,
            kept_in=self._kept_in,
        ) as step:
            yield step
        if self._phases and not self._quiet and err.is_terminal:
            err.print(self.drawn())

    def point(self, point: Point) -> None:
        """One evaluation; see `tunewell.train.session.Point`."""
        self._phases.setdefault(point.phase, []).append(point)
        if not self._quiet and not err.is_terminal:
            note(f"  {_told(point)}")

    def drawn(self) -> Text:
        """All phases as text: the earlier ones a line each, the last as a chart."""
        phases = list(self._phases.items())
        lines = [_line_of(name, points) for name, points in phases[:-1]]
        for _, points in phases[-1:]:
            lines += [_told(points[-1]), *_chart_of(points)]
        return Text("\n".join(f"  {line}" for line in lines), no_wrap=True)


def _line_of(name: str, points: Sequence[Point]) -> str:
    return f"{name:12} {spark([p.held_out for p in points])}  {_losses(points[-1])}"


def _chart_of(points: Sequence[Point]) -> list[str]:
    if len(points) < 2:
        return []
    held_out = [(p.epoch, p.held_out) for p in points]
    trained_on = [(p.epoch, p.trained_on) for p in points]
    return chart(held_out, trained_on)


def _told(point: Point) -> str:
    return f"{point.phase}, epoch {point.epoch:g}: {_losses(point)}"


def _losses(point: Point) -> str:
    inside = "" if math.isnan(point.trained_on) else f", trained on {point.trained_on:.3f} ┈"
    return f"held out {point.held_out:.3f} ━{inside} nats/token"


def spark(values: Sequence[float]) -> str:
    """Values as bars of eight heights.

    Example:
        >>> spark([3.0, 2.0, 1.5, 1.4])
        '█▄▁▁'
    """
    finite = [v for v in values if math.isfinite(v)]
    if not finite:
        return ""
    low = min(finite)
    # All alike: every bar is the lowest.
    span = max(finite) - low or math.inf
    top = len(BARS) - 1
    bars = [BARS[round((v - low) / span * top)] if math.isfinite(v) else " " for v in values]
    return "".join(bars)


@dataclass(frozen=True)
class _Axes:
    """The part of the plane that a chart shows."""

    left: float
    right: float
    low: float
    high: float

    @classmethod
    def around(cls, points: Points) -> _Axes:
        xs = [x for x, _ in points]
        ys = [y for _, y in points]
        return cls(
            left=min(xs),
            right=max(xs),
            low=min(ys),
            high=max(ys),
        )

    def x_at(self, share: float) -> float:
        """From 0 at the left to 1 at the right."""
        # Rounding must not lead past the last point.
        return min(self.right, self.left + (self.right - self.left) * share)

    def depth(self, y: float) -> float:
        """From 0 at the top to 1 at the bottom."""
        if self.high == self.low:
            return 0.5
        return (self.high - y) / (self.high - self.low)


class _Grid:
    """Characters of Braille dots."""

    def __init__(self, width: int, height: int) -> None:
        self.columns = 2 * width
        self.rows = 4 * height
        self._cells = [[0] * width for _ in range(height)]

    def set(self, column: int, row: int) -> None:
        self._cells[row // 4][column // 2] |= DOTS[row % 4][column % 2]

    def draw(
        self,
        points: Points,
        axes: _Axes,
        *,
        every: int,
    ) -> None:
        """A line through the points, with a dot in one of so many columns."""
        for column in range(0, self.columns, every):
            y = _between(points, axes.x_at(column / (self.columns - 1)))
            if y is not None:
                self.set(column, round(axes.depth(y) * (self.rows - 1)))

    def lines(self) -> list[str]:
        return ["".join(chr(BRAILLE + dots) for dots in line) for line in self._cells]


def chart(
    solid: Points,
    dotted: Points = (),
    *,
    width: int = WIDTH,
    height: int = HEIGHT,
) -> list[str]:
    """Two lines on a grid of Braille dots, with the ends of both axes.

    Args:
        solid: Points (x, y), x rising.
        dotted: The same; drawn with gaps.
        width: Characters across, the labels not counted.
        height: Lines.

    Returns:
        ``height + 1`` lines.
    """
    known = [point for point in (*solid, *dotted) if math.isfinite(point[1])]
    if not known:
        return []

    axes = _Axes.around(known)
    grid = _Grid(width, height)
    grid.draw(solid, axes, every=1)
    grid.draw(dotted, axes, every=DOTTED_EVERY)

    labels = [f"{axes.high:.2f}", *[""] * (height - 2), f"{axes.low:.2f}"]
    margin = max(map(len, labels))
    lines = [f"{label:>{margin}} {line}" for label, line in zip(labels, grid.lines(), strict=True)]
    right = f"{axes.right:g}"
    left = f"{axes.left:g}".ljust(width - len(right))
    return [*lines, f"{'':{margin}} {left}{right}"]


def _between(points: Points, x: float) -> float | None:
    """Straight between the points on either side; None outside them, and beside a gap."""
    for (x0, y0), (x1, y1) in itertools.pairwise(points):
        inside = x0 <= x <= x1
        if inside and math.isfinite(y0) and math.isfinite(y1):
            share = (x - x0) / (x1 - x0) if x1 > x0 else 0.0
            return y0 + (y1 - y0) * share
    return None
