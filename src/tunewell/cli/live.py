"""Losses under way, in the terminal: a small chart of the phase at hand, a line for each phase that is over.

Held-out rows are drawn as a full line, rows trained on as a dotted one; where stderr is no
terminal, every evaluation is one line of text.
"""

from __future__ import annotations

import contextlib
import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Final

from rich.text import Text

from tunewell.cli.common import err, note, progress

if TYPE_CHECKING:
    from tunewell.train.session import Point

WIDTH: Final = 44
HEIGHT: Final = 7
BARS: Final = "▁▂▃▄▅▆▇█"


class Watch:
    """Shows a run's progress bars and, while it trains, its losses.

    Args:
        quiet: Show nothing.

    Example:
        >>> run(file, store, progress=watch.bar, live=watch.point)  # doctest: +SKIP
    """

    def __init__(self, *, quiet: bool = False) -> None:
        self._quiet = quiet
        self._phases: dict[str, list[Point]] = {}

    @contextlib.contextmanager
    def bar(self, label: str) -> Iterator[Callable[[int, int], None] | None]:
        """A bar on stderr with the losses below it, for one stage.

        What was drawn stays when the stage is over.
        """
        self._phases = {}
        with progress(label, quiet=self._quiet, below=self.drawn) as step:
            yield step
        if self._phases and not self._quiet and err.is_terminal:
            err.print(self.drawn())

    def point(self, point: Point) -> None:
        """One evaluation; see `tunewell.train.session.Point`."""
        self._phases.setdefault(point.phase, []).append(point)
        if not self._quiet and not err.is_terminal:
            note(f"  {point.phase}, epoch {point.epoch:g}: {_pair(point)}")

    def drawn(self) -> Text:
        """All phases as text: the earlier ones a line each, the last as a chart."""
        lines = []
        phases = list(self._phases.items())
        for name, points in phases[:-1]:
            lines.append(f"  {name:12} {spark([p.held_out for p in points])}  {_pair(points[-1])}")
        if phases:
            name, points = phases[-1]
            lines += [f"  {name}, epoch {points[-1].epoch:g}: {_pair(points[-1])}"]
            if len(points) > 1:
                held = [(p.epoch, p.held_out) for p in points]
                inside = [(p.epoch, p.trained_on) for p in points]
                lines += [f"  {line}" for line in chart(held, inside)]
        return Text("\n".join(lines), no_wrap=True)


def _pair(point: Point) -> str:
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
    low, span = min(finite), max(finite) - min(finite)
    return "".join(
        BARS[round((v - low) / span * 7) if span else 0] if math.isfinite(v) else " "
        for v in values
    )


def chart(
    solid: Sequence[tuple[float, float]],
    dotted: Sequence[tuple[float, float]] = (),
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
    known = [p for p in (*solid, *dotted) if math.isfinite(p[1])]
    if not known:
        return []
    left, right = min(x for x, _ in known), max(x for x, _ in known)
    low, high = min(y for _, y in known), max(y for _, y in known)
    across, up = 2 * width - 1, 4 * height - 1
    cells = [[0] * width for _ in range(height)]
    for points, every in ((solid, 1), (dotted, 3)):
        for column in range(0, across + 1, every):
            value = _between(points, left + (right - left) * column / across)
            if value is not None:
                row = round((high - value) / (high - low) * up) if high > low else up // 2
                cells[row // 4][column // 2] |= _DOTS[row % 4][column % 2]
    lines = ["".join(chr(0x2800 + dots) for dots in line) for line in cells]
    labels = [f"{high:.2f}", *[""] * (height - 2), f"{low:.2f}"]
    wide = max(map(len, labels))
    below = f"{left:g}".ljust(width - len(f"{right:g}")) + f"{right:g}"
    return [
        *(f"{label:>{wide}} {line}" for label, line in zip(labels, lines, strict=True)),
        f"{'':{wide}} {below}",
    ]


_DOTS: Final = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))


def _between(points: Sequence[tuple[float, float]], x: float) -> float | None:
    """Straight between the points on either side; None outside them."""
    for (x0, y0), (x1, y1) in itertools.pairwise(points):
        if x0 <= x <= x1 and math.isfinite(y0) and math.isfinite(y1):
            return y0 + (y1 - y0) * ((x - x0) / (x1 - x0) if x1 > x0 else 0.0)
    return None
