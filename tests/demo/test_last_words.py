"""What the demo says at its end, in a sentence."""

from __future__ import annotations

import pytest

from tunewell.cli.demo import _in_a_sentence, _time_taken
from tunewell.demo.dumped import DumpedComparison, DumpedFigure
from tunewell.types import Estimate, MetricInfo


def figure(title: str, low: float, high: float, *, bigger: bool = True) -> DumpedFigure:
    def made(value: float, low: float, high: float) -> Estimate:
        return Estimate(value=value, low=low, high=high, n=65, method="t")

    info = MetricInfo(name=title, title=title, bigger_is_better=bigger)
    level = made(0.5, 0.4, 0.6)
    return DumpedFigure(info, level, level, made((low + high) / 2, low, high))


def test_differences_are_said_for_what_they_show() -> None:
    figures = (
        figure("label", -0.1, 0.1),
        figure("loss", -0.2, -0.1, bigger=False),
        figure("points", 0.1, 0.2),
        figure("words", -0.2, -0.1),
    )
    found = DumpedComparison(figures, rows=65, left_out=12, raw_rows=787, tokens=(10, 10))
    assert _in_a_sentence(found) == (
        "Better with the curated rows: loss, points. Worse with them: words. "
        "No difference that 65 rows could show: label."
    )


@pytest.mark.parametrize(
    ("seconds", "planned_s", "told"),
    [
        (640, 600, "took 10 min 40 s"),
        (640, 0, "took 10 min 40 s"),
        (3032, 600, "took 50 min 32 s instead of about 10 min 00 s: the machine was slower"),
    ],
)
def test_a_demo_that_took_much_longer_than_planned_says_why(
    seconds: float, planned_s: float, told: str
) -> None:
    assert _time_taken(seconds, planned_s=planned_s).startswith(told)
