from __future__ import annotations

import io
import math

import pytest
from rich.console import Console

from tunewell.cli import common, live
from tunewell.cli.live import Watch, chart, spark
from tunewell.train.session import Point


def dots(line: str) -> int:
    return sum((ord(c) - 0x2800).bit_count() for c in line if 0x2800 <= ord(c) < 0x2900)


def test_a_falling_line_runs_from_the_top_left_to_the_bottom_right() -> None:
    lines = chart([(0.0, 3.0), (2.0, 1.0)], width=10, height=4)
    assert len(lines) == 5
    assert lines[0].startswith("3.00 ")
    assert lines[3].startswith("1.00 ")
    plot = [line[5:] for line in lines[:4]]
    first = [min(i for i, c in enumerate(line) if dots(c)) for line in plot]
    assert first == sorted(first)
    assert first[0] == 0
    assert dots(plot[3][-1]) > 0
    assert lines[4].split() == ["0", "2"]


def test_the_dotted_line_has_a_third_of_the_dots() -> None:
    solid = sum(dots(line) for line in chart([(0.0, 1.0), (1.0, 1.0)], width=30))
    both = sum(
        dots(line) for line in chart([(0.0, 1.0), (1.0, 1.0)], [(0.0, 2.0), (1.0, 2.0)], width=30)
    )
    assert solid == 60
    assert both - solid == 20


@pytest.mark.parametrize("values", [[], [(0.0, math.nan)], [(0.0, math.nan), (1.0, math.inf)]])
def test_nothing_finite_draws_nothing(values: list[tuple[float, float]]) -> None:
    assert chart(values) == []
    assert spark([y for _, y in values]).strip() == ""


def test_a_gap_in_the_middle_is_left_open() -> None:
    lines = chart([(0.0, 1.0), (1.0, math.nan), (2.0, 1.0), (3.0, 2.0)], width=12, height=2)
    assert any("\u2800" in line[5:9] for line in lines)


def told(monkeypatch: pytest.MonkeyPatch, *, terminal: bool) -> tuple[Watch, io.StringIO]:
    stream = io.StringIO()
    console = Console(file=stream, force_terminal=terminal, width=100, highlight=False)
    monkeypatch.setattr(common, "err", console)
    monkeypatch.setattr(live, "err", console)
    return Watch(), stream


def test_without_a_terminal_every_evaluation_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    watch, stream = told(monkeypatch, terminal=False)
    with watch.bar("train"):
        watch.point(Point("folds", 1.0, 2.5, 2.25))
        watch.point(Point("share-0.5", 1.0, 2.75, math.nan))
    assert stream.getvalue().splitlines() == [
        "  folds, epoch 1: held out 2.500 ━, trained on 2.250 ┈ nats/token",
        "  share-0.5, epoch 1: held out 2.750 ━ nats/token",
    ]


def test_on_a_terminal_the_last_phase_stays_as_a_chart(monkeypatch: pytest.MonkeyPatch) -> None:
    watch, stream = told(monkeypatch, terminal=True)
    with watch.bar("train"):
        for phase in ("folds", "check"):
            for epoch, loss in enumerate((3.0, 2.0, 1.5)):
                watch.point(Point(phase, float(epoch), loss, loss - 0.2))
    shown = stream.getvalue()
    assert "folds" in shown
    assert "█" in shown
    assert "check, epoch 2: held out 1.500" in shown
    assert dots(shown) > 100
    assert "\x1b[2J" not in shown


def test_quiet_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    _, stream = told(monkeypatch, terminal=True)
    watch = Watch(quiet=True)
    with watch.bar("train"):
        watch.point(Point("folds", 1.0, 2.5, 2.25))
    assert stream.getvalue() == ""
