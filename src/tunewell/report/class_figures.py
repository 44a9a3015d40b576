"""Label figures class by class, as the comparison shows them: weakest first."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tunewell.report.grouping import grouped
from tunewell.report.results import Results

if TYPE_CHECKING:
    from tunewell.evaluate.classes import ClassFigure

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


def by_class(results: Results) -> tuple[ByClass, ...]:
    """Each label metric's classes, lowest F1 first.

    For the tuned arm; for the last arm where there is none.
    """
    if results.classes is None:
        return ()
    found = []
    by_metric = grouped(results.classes.figures, by=lambda f: f.metric)
    for metric, figures in by_metric.items():
        by_arm = grouped(figures, by=lambda f: f.arm)
        arm = shown_arm(by_arm)
        weakest_first = sorted(by_arm[arm], key=_strength)
        found.append(
            ByClass(
                arm=arm,
                metric=metric,
                first=tuple(weakest_first[:FIRST]),
                rest=tuple(weakest_first[FIRST:MOST]),
                left_out=max(len(weakest_first) - MOST, 0),
            )
        )
    return tuple(found)


def shown_arm(arms: Iterable[str]) -> str:
    """The arm whose details are shown: the tuned one, the last where there is none."""
    names = list(arms)
    return "tuned" if "tuned" in names else names[-1]


def _strength(figure: ClassFigure) -> tuple[float, float, str]:
    if figure.f1 is None:
        return (-1.0, 0.0, figure.label)
    return (figure.f1.value, figure.f1.high, figure.label)
