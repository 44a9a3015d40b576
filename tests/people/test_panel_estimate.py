"""The panel's estimate holds at every look, counts families once, and survives a bad judge."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pytest

from tunewell.people.panel import panel_estimate
from tunewell.task import RubricCriterion
from tunewell.types import Judgement

RIGHT = RubricCriterion(name="right", question="Is it right?")
NOW = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


def word(row: int, person: str, value: float, *, arm: str = "tuned", at: int = 0) -> Judgement:
    return Judgement(
        id=f"{row}{person}{arm}",
        example=f"e{row}",
        arm=arm,
        criterion="right",
        value=value,
        author=person,
        at=NOW + dt.timedelta(seconds=at),
    )


def test_a_row_waits_for_all_its_raters_and_a_family_counts_once() -> None:
    said = [word(0, "ann", 1), word(0, "bob", 0), word(1, "ann", 1)]
    found = panel_estimate(said, RIGHT, raters=2)
    assert found is not None
    assert found.n == 1
    assert found.value == pytest.approx(0.5, abs=1e-9)
    assert panel_estimate(said[2:], RIGHT, raters=2) is None
    many = [word(n, "ann", 1, at=n) for n in range(40)]
    alone = panel_estimate(many, RIGHT)
    kin = panel_estimate(many, RIGHT, clusters={f"e{n}": f"f{n // 8}" for n in range(40)})
    assert alone is not None
    assert kin is not None
    assert (alone.n, kin.n) == (40, 5)
    assert kin.low < alone.low


def test_a_good_judge_narrows_the_interval_and_a_bad_one_does_not_move_it() -> None:
    rng = np.random.default_rng(3)
    truth = (rng.random(600) < 0.8).astype(float)
    said = [word(n, "ann", truth[n], at=n) for n in range(120)]
    good = {
        (f"e{n}", "tuned"): truth[n] if rng.random() < 0.97 else 1 - truth[n] for n in range(600)
    }
    bad = {(f"e{n}", "tuned"): 0.0 for n in range(600)}
    plain, helped, fooled = (panel_estimate(said, RIGHT, judge=j) for j in (None, good, bad))
    assert plain is not None
    assert helped is not None
    assert fooled is not None
    assert helped.high - helped.low < plain.high - plain.low
    for found in (plain, helped, fooled):
        assert found.low <= truth.mean() <= found.high


def test_it_holds_at_every_look() -> None:
    """Looking after every tenth verdict, stopping at the worst, misses in at most 5 % of panels."""
    rng = np.random.default_rng(5)
    missed = 0
    for _ in range(60):
        values = (rng.random(60) < 0.85).astype(float)
        said = [word(n, "ann", float(values[n]), at=n) for n in range(60)]
        looks = [panel_estimate(said[:n], RIGHT) for n in range(10, 61, 10)]
        missed += any(e is not None and not e.low <= 0.85 <= e.high for e in looks)
    assert missed <= 7  # Binomial(60, .05) lies above 7 with probability .01


def test_a_gain_is_paired() -> None:
    said = [
        word(n, "ann", v, arm=a, at=n)
        for n in range(80)
        for a, v in (("tuned", 1), ("prompted", n % 2))
    ]
    found = panel_estimate(said, RIGHT, against="prompted")
    assert found is not None
    assert found.value == pytest.approx(0.5)
    assert 0 < found.low < 0.5 < found.high < 1
