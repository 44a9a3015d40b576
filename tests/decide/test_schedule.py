"""When to train again: against closed forms, and against what was planted."""

from __future__ import annotations

import datetime as dt
import math

import numpy as np
import pytest

from tests.decide.case import START, WEEK, evidence, falling, reading, steady
from tunewell.decide import (
    Decay,
    ScheduleOptions,
    decide_next,
    measure_decay,
    overdue,
    plan_schedule,
)
from tunewell.decide.decay import RATES, STEPS
from tunewell.decide.schedule import weigh
from tunewell.decide.wording import schedule_line
from tunewell.stats import proportion
from tunewell.types import RetrainingSchedule

OPTIONS = ScheduleOptions(answers_per_day=100, wrong_answer=2.0, retraining=1_000.0)


def known(rate: float, *, step: float = 0.0, age: float = 0.0) -> Decay:
    """A decay of which nothing is in doubt."""
    return Decay(np.array([1.0]), np.array([rate]), np.array([step]), age, readings=9)


def test_a_known_rate_gives_the_square_root_rule() -> None:
    """A term costs K + c·r·T²/2: the best T of an endless horizon is sqrt(2K / (c·r))."""
    rate = 0.001
    best = math.sqrt(2 * 1_000 / (200 * rate))
    options = ScheduleOptions(
        answers_per_day=100, wrong_answer=2.0, retraining=1_000.0, horizon_days=3_650
    )
    made = plan_schedule(known(rate), options, now=START)
    assert made.by is not None
    assert abs((made.by - START.date()).days - best) <= 10
    cheapest = min(made.cadences, key=lambda each: each.cost.value)
    assert cheapest.name == "quarterly"
    monthly = next(each for each in made.cadences if each.name == "monthly")
    yearly = next(each for each in made.cadences if each.name == "yearly")
    assert monthly.wasted.value > 10 * monthly.lost.value
    assert yearly.lost.value > 10 * yearly.wasted.value
    line = schedule_line(made)
    assert "monthly would waste" in line
    assert "yearly would lose" in line


def test_a_known_loss_is_mended_at_once_or_never() -> None:
    """What lasts a year costs 200·365·d: it pays above K / (200·365) and not below."""
    least = 1_000 / (200 * 365)
    assert weigh(known(0.0, step=least * 1.1), OPTIONS).best == 0
    below = weigh(known(0.0, step=least * 0.9), OPTIONS)
    assert below.best == below.never
    assert below.pays == 0.0
    never = plan_schedule(known(0.0, step=least * 0.9), OPTIONS, now=START)
    assert (never.by, never.earliest, never.latest) == (None, None, None)
    assert schedule_line(never) == "within the horizon retraining does not pay"


def test_costs_are_those_of_a_day_by_day_count() -> None:
    """The closed form of waiting and of the best rhythm after it, against brute force."""
    rate, age, horizon = 0.0008, 30.0, 364.0
    options = ScheduleOptions(
        answers_per_day=100, wrong_answer=2.0, retraining=1_000.0, horizon_days=horizon
    )
    weighed = weigh(known(rate, age=age), options)
    moments = np.arange(0, horizon, 0.25) + 0.125

    def cost(first: float, more: int) -> float:
        at = first + np.arange(more + 1) * (horizon - first) / (more + 1)
        last = np.array([max([-age, *at[at <= moment].tolist()]) for moment in moments])
        return float((200 * rate * (moments - last)).sum() * 0.25 + 1_000 * (more + 1))

    for place in (0, 5, 20):
        brute = min(cost(float(weighed.days[place]), more) for more in range(8))
        assert weighed.costs[0, place] == pytest.approx(brute, rel=0.01)


def test_the_interval_narrows_and_holds_what_was_planted() -> None:
    rng = np.random.default_rng(5)
    rate = 0.0006
    inside = 0
    widths: dict[int, list[float]] = {6: [], 20: []}
    for _ in range(30):
        seen = []
        for week in range(20):
            wrong = int(rng.binomial(300, 0.12 + rate * 7 * week))
            seen.append(reading(week, wrong, of=300))
        for weeks in (6, 20):
            found = measure_decay(
                seen[:weeks], trained={"new": START}, serving="new", now=START + weeks * WEEK
            )
            monthly = found.estimate(found.rate * 30)
            widths[weeks].append(monthly.high - monthly.low)
        inside += monthly.low <= rate * 30 <= monthly.high
    assert inside >= 24
    assert np.mean(widths[20]) < np.mean(widths[6])


def test_earlier_versions_say_how_models_of_this_project_decay() -> None:
    trained = {"new": START, "old": START - 26 * WEEK, "older": START - 52 * WEEK}
    past = []
    for name in ("old", "older"):
        for week in range(26):
            at = trained[name] + (week + 0.5) * WEEK
            share = proportion(round(20 + 1.6 * week), 200, method="wilson")
            past.append(
                reading(0, 20).model_copy(update={"at": at, "version": name, "wrong": share})
            )
    now = START + 5 * WEEK
    alone = measure_decay(falling(5, points_a_week=0.8), trained=trained, serving="new", now=now)
    taught = measure_decay(
        [*past, *falling(5, points_a_week=0.8)], trained=trained, serving="new", now=now
    )
    still = RATES[0]
    assert taught.weight[taught.rate == still].sum() < alone.weight[alone.rate == still].sum()
    assert abs(taught.estimate(taught.rate * 7).value - 0.008) < 0.003


def test_a_season_is_no_decay() -> None:
    """Two years of a level that comes and goes: what rises in spring falls in autumn."""
    seen = []
    for week in range(60):
        share = 0.15 + 0.03 * math.sin(2 * math.pi * week / 52.2)
        seen.append(reading(week, round(400 * share), of=400))
    found = measure_decay(seen, trained={"new": START}, serving="new", now=START + 60 * WEEK)
    assert found.estimate(found.excess).value < 0.01


def test_a_sudden_loss_is_told_from_a_slow_one() -> None:
    jumped = [*steady(10), *(reading(week, 50) for week in range(10, 18))]
    found = measure_decay(jumped, trained={"new": START}, serving="new", now=START + 18 * WEEK)
    assert found.weight[found.step > 0].sum() > 0.95
    assert abs(found.estimate(found.step).value - 0.145) < 0.03
    assert set(np.unique(found.step)) <= {0.0, *STEPS.tolist()}


def test_overdue_says_by_how_many_days() -> None:
    made = RetrainingSchedule(at=START, readings=9, earliest=dt.date(2026, 3, 2))
    late = overdue(made, due=dt.date(2026, 3, 14), today=dt.date(2026, 3, 17))
    assert (late.code, late.status) == ("L07", "found")
    assert "3 days ago [2026-03-02, perhaps never]" in late.why
    assert late.estimate is not None
    assert late.estimate.value == 3
    early = overdue(made, due=dt.date(2026, 3, 14), today=dt.date(2026, 3, 1))
    assert early.status == "clear"
    assert overdue(made, due=None, today=dt.date(2026, 3, 1)).status == "clear"
    unseen = RetrainingSchedule(at=START)
    assert overdue(unseen, due=None, today=dt.date(2026, 3, 1)).status == "unchecked"


def test_readings_move_the_day() -> None:
    days = {}
    for points in (0.2, 0.5):
        made = decide_next(evidence(10, falling(10, points_a_week=points)))
        assert made.schedule is not None
        days[points] = made.schedule.by
    assert days[0.5] is not None
    assert days[0.2] is None or days[0.5] < days[0.2]
