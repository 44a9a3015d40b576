"""Two-year histories of a service, simulated: what was decided, what it cost, what it could have.

A history is a sequence of weeks. The share of wrong answers of the version that serves is its own
level, a season that no retraining mends, and what it has lost to its age: slowly, suddenly, or not
at all. Every week some answers are judged. In some histories the judge or the records change, so
that answers look worse and are not; alarms come late, and do not always know the cause::

    python -m bench.decide.histories                   # 500 histories
    python -m bench.decide.histories 50 1000           # 50, from seed 1000 on (for tuning)
    python -m bench.decide.histories 250 0 a.json      # a part of them, kept in a file
    python -m bench.decide.histories a.json b.json     # what the parts come to
"""

from __future__ import annotations

import datetime as dt
import json
import sys
import time
from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.machine import keep
from tunewell.decide import (
    AlarmInUse,
    DecisionEvidence,
    Prices,
    QualityReading,
    Waiting,
    decide_next,
)
from tunewell.stats import proportion
from tunewell.types import Alarm, Cause, Estimate

Floats = NDArray[np.float64]

WEEKS = 104
WEEK = dt.timedelta(days=7)
START = dt.datetime(2024, 1, 1, tzinfo=dt.UTC)
KINDS = ("still", "slow", "fast", "sudden", "mixed", "season")
CADENCES = {"monthly": 4, "quarterly": 13, "half-yearly": 26, "yearly": 52, "never": 0}
HORIZON_DAYS = 365.0
LOOK_WEEKS = 4
LOOK_SHARE = 0.02
"""Of the price of a retraining, for every week in which people look at a sample."""


@dataclass(frozen=True)
class Told:
    """An alarm as it comes: in which week, about what, since when, until when.

    ``truth`` is what people find who look for four weeks at one whose cause nothing tells.
    """

    week: int
    cause: Cause
    since: int
    over: int | None = None
    truth: Cause = "cannot tell"


@dataclass(frozen=True, eq=False)
class History:
    """What happens whatever is decided.

    Attributes:
        kind: One of `KINDS`.
        rate: Growth of the share of wrong answers per week of age.
        jumps: Sudden loss by week, shape (weeks,).
        season: Added to everything, shape (weeks,).
        level: Of a new version, before its own luck.
        luck: By week of training, shape (weeks + 1,).
        seeming: Added to what is measured only, shape (weeks,).
        mistaken: First and last week of the change of judge or records; None if there is none.
        told: Alarms.
        sample: Answers that are judged each week.
        weekly: Price of a week in which every answer is wrong.
        retraining: Price of a retraining.
        seed: Of the readings.
    """

    kind: str
    rate: float
    jumps: Floats
    season: Floats
    level: float
    luck: Floats
    seeming: Floats
    mistaken: tuple[int, int] | None
    told: tuple[Told, ...]
    sample: int
    weekly: float
    retraining: float
    seed: int

    def wrong(self, trained: int, week: int) -> float:
        """True share of wrong answers in a week of a version trained before week ``trained``."""
        age = week - trained
        lost = self.rate * age + float(self.jumps[trained : week + 1].sum())
        share = self.level + self.luck[trained] + self.season[week] + lost
        return float(min(max(share, 0.0), 0.97))

    def costs(self) -> Floats:
        """Price of every week's errors by week of training, shape (weeks, weeks)."""
        found = np.full((WEEKS, WEEKS), np.nan)
        for trained in range(WEEKS):
            for week in range(trained, WEEKS):
                found[trained, week] = self.weekly * self.wrong(trained, week)
        return found


def draw(seed: int) -> History:
    """A history."""
    rng = np.random.default_rng(seed)
    kind = KINDS[int(rng.integers(len(KINDS)))]
    rate = 0.0
    if kind in ("slow", "mixed"):
        rate = float(rng.uniform(0.002, 0.01)) * 7 / 30
    if kind == "fast":
        rate = float(rng.uniform(0.01, 0.04)) * 7 / 30
    jumps = np.zeros(WEEKS)
    if kind in ("sudden", "mixed"):
        for _ in range(max(1, int(rng.poisson(2.0)))):
            jumps[int(rng.integers(4, WEEKS))] += float(rng.uniform(0.03, 0.25))
    season = np.zeros(WEEKS)
    if kind == "season":
        phase = rng.uniform(0, 52)
        season = rng.uniform(0.01, 0.04) * np.sin(2 * np.pi * (np.arange(WEEKS) + phase) / 52)
    seeming, mistaken, told = _mistake(rng)
    told += [_of_jump(rng, int(week)) for week in np.flatnonzero(jumps)]
    if rng.random() < 0.1:
        week = int(rng.integers(WEEKS))
        told.append(Told(week, "traffic", max(week - 3, 0), week + 8))
    weekly = float(np.exp(rng.uniform(np.log(1_000), np.log(60_000))))
    return History(
        kind=kind,
        rate=rate,
        jumps=jumps,
        season=season,
        level=float(rng.uniform(0.08, 0.35)),
        luck=rng.normal(0, 0.004, WEEKS + 1),
        seeming=seeming,
        mistaken=mistaken,
        told=tuple(told),
        sample=int(rng.integers(60, 250)),
        weekly=weekly,
        retraining=float(np.exp(rng.uniform(np.log(500), np.log(8_000)))),
        seed=seed,
    )


def _mistake(rng: np.random.Generator) -> tuple[Floats, tuple[int, int] | None, list[Told]]:
    """In a third of the histories, judge or records change for some weeks."""
    seeming = np.zeros(WEEKS)
    if rng.random() > 1 / 3:
        return seeming, None, []
    begin = int(rng.integers(6, WEEKS - 10))
    end = min(begin + int(rng.integers(4, 14)), WEEKS - 1)
    seeming[begin : end + 1] = rng.uniform(0.03, 0.25)
    truth: Cause = "judge" if rng.random() < 0.5 else "instrumentation"
    cause: Cause = truth if rng.random() < 0.85 else "cannot tell"
    raised = begin + int(rng.integers(1, 4))
    return seeming, (begin, end), [Told(raised, cause, begin, end, truth)]


def _of_jump(rng: np.random.Generator, week: int) -> Told:
    told: Cause = "knowledge" if rng.random() < 0.85 else "cannot tell"
    return Told(week + int(rng.integers(1, 4)), told, week, truth="knowledge")


@dataclass
class Played:
    """What a policy did with a history.

    Attributes:
        cost: Errors and retrainings.
        retrained: In which weeks.
        actions: How often it said what.
    """

    cost: float = 0.0
    retrained: list[int] = field(default_factory=list)
    actions: Counter[str] = field(default_factory=Counter)


def play(history: History) -> Played:
    """Let Tunewell decide every week; what it says takes effect in the next one."""
    rng = np.random.default_rng([history.seed, 1])
    done = Played()
    trained, version = 0, 0
    dates = {"v0": START}
    readings: list[QualityReading] = []
    for week in range(WEEKS):
        true = history.wrong(trained, week)
        done.cost += history.weekly * true
        seen = min(true + history.seeming[week], 0.99)
        bad = int(rng.binomial(history.sample, seen))
        readings.append(
            QualityReading(
                at=START + (week + 0.5) * WEEK,
                version=f"v{version}",
                wrong=proportion(bad, history.sample, method="wilson"),
                by="judge",
            )
        )
        if week == WEEKS - 1:
            break
        decision = decide_next(_evidence(history, week, version, dates, readings))
        done.actions[decision.action] += 1
        if decision.action == "collect":
            done.cost += LOOK_SHARE * history.retraining
        if decision.action == "retrain":
            done.cost += history.retraining
            done.retrained.append(week + 1)
            trained, version = week + 1, version + 1
            dates[f"v{version}"] = START + (week + 1) * WEEK
    return done


def _evidence(
    history: History,
    week: int,
    version: int,
    dates: dict[str, dt.datetime],
    readings: list[QualityReading],
) -> DecisionEvidence:
    left = (WEEKS - 1 - week) * 7.0
    return DecisionEvidence(
        now=START + (week + 1) * WEEK,
        serving=f"v{version}",
        trained=dates,
        readings=tuple(readings),
        alarms=tuple(_alarm(told, week, dates[f"v{version}"]) for told in _raised(history, week)),
        waiting=Waiting(source=500, trained_on=2_000),
        prices=Prices(wrong_answer=1.0, retraining=history.retraining),
        answers_per_day=history.weekly / 7,
        horizon_days=max(min(left, HORIZON_DAYS), 1.0),
    )


def _raised(history: History, week: int) -> list[Told]:
    return [told for told in history.told if told.week <= week]


def _alarm(told: Told, week: int, served_since: dt.datetime) -> AlarmInUse:
    since = START + told.since * WEEK
    over = None
    if told.over is not None and told.over < week:
        over = START + (told.over + 1) * WEEK
    cause = told.cause
    if cause == "cannot tell" and week - told.week >= LOOK_WEEKS:
        cause = told.truth
    # A retraining since then has mended what the world changed.
    if cause in ("knowledge", "traffic") and served_since > since:
        over = served_since
    return AlarmInUse(
        alarm=Alarm(
            id=f"{told.week}-{told.cause}",
            channel="judged quality",
            raised=START + told.week * WEEK,
            as_of=START + told.week * WEEK,
            since=since,
            since_low=since,
            since_high=since + WEEK,
            p_value=0.001,
            cause=cause,
        ),
        state="over" if over is not None else "open",
        over=over,
    )


def fixed(history: History, every: int) -> float:
    """Cost of retraining every so many weeks; 0 = never."""
    cost, trained = 0.0, 0
    for week in range(WEEKS):
        if every and week and week % every == 0:
            trained = week
            cost += history.retraining
        cost += history.weekly * history.wrong(trained, week)
    return cost


def hindsight(history: History) -> tuple[float, list[int]]:
    """The best schedule by someone who knows all: cost, and in which weeks it retrains."""
    costs = history.costs()
    best = np.full(WEEKS + 1, np.inf)
    best[WEEKS] = 0.0
    choice = np.zeros(WEEKS, dtype=int)
    for begin in range(WEEKS - 1, -1, -1):
        running = 0.0
        for end in range(begin + 1, WEEKS + 1):
            running += costs[begin, end - 1]
            again = history.retraining if end < WEEKS else 0.0
            if running + again + best[end] < best[begin]:
                best[begin] = running + again + best[end]
                choice[begin] = end
    weeks, at = [], int(choice[0])
    while at < WEEKS:
        weeks.append(at)
        at = int(choice[at])
    return float(best[0]), weeks


def is_false(history: History, week: int, trained: int) -> bool:
    """Whether a retraining cost more than going on without any would have.

    Args:
        history: In which it was done.
        week: From which on the new version serves.
        trained: When the version before it was.
    """
    kept = sum(history.wrong(trained, later) for later in range(week, WEEKS))
    anew = sum(history.wrong(week, later) for later in range(week, WEEKS))
    return history.weekly * (kept - anew) < history.retraining


def floor_of(history: History) -> float:
    """What errors would cost if a new version served every week for nothing."""
    return sum(history.weekly * history.wrong(week, week) for week in range(WEEKS))


def main() -> None:
    """Play histories, or sum up those that were played in parts, and keep what came out."""
    if sys.argv[1:] and sys.argv[1].endswith(".json"):
        parts = [json.loads(Path(name).read_text(encoding="utf-8")) for name in sys.argv[1:]]
        rows = [row for part in parts for row in part["rows"]]
        _tell(rows, sum(part["processor_s"] for part in parts), kept=True)
        return
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 500
    first = int(sys.argv[2]) if len(sys.argv) > 2 else 0
    begun = time.process_time()
    rows = [_one(first + seed) for seed in range(count)]
    spent = time.process_time() - begun
    if len(sys.argv) > 3:
        part = {"rows": rows, "processor_s": spent}
        Path(sys.argv[3]).write_text(json.dumps(part), encoding="utf-8")
    _tell(rows, spent, kept=first == 0 and count >= 500)


def _tell(rows: list[dict[str, Any]], spent: float, *, kept: bool) -> None:
    result = _summary(rows)
    result["processor_s"] = round(spent, 1)
    for name, value in result.items():
        print(f"{name:34} {value}")
    if kept:
        keep("decide-histories", result)


def _one(seed: int) -> dict[str, Any]:
    history = draw(seed)
    done = play(history)
    unchanged = play(without_change(history)) if history.mistaken else done
    best, weeks = hindsight(history)
    false = misled = 0
    trained = 0
    for week in done.retrained:
        false += is_false(history, week, trained)
        misled += _misled(history, week, unchanged.retrained)
        trained = week
    return {
        "kind": history.kind,
        "cost": done.cost,
        "best": best,
        "best_retrains": len(weeks),
        "floor": floor_of(history),
        "retrains": len(done.retrained),
        "false": false,
        "mistaken": history.mistaken is not None,
        "misled": misled,
        "fixed": {name: fixed(history, every) for name, every in CADENCES.items()},
        "actions": done.actions,
    }


def without_change(history: History) -> History:
    """The same history without the change of judge or records."""
    if history.mistaken is None:
        return history
    told = tuple(told for told in history.told if (told.since, told.over) != history.mistaken)
    return replace(history, seeming=np.zeros(WEEKS), mistaken=None, told=told)


def _misled(history: History, week: int, otherwise: list[int]) -> bool:
    """Whether a retraining during a change of judge or records is owed to it.

    It is unless the same history without the change retrains within four weeks of it.

    Args:
        history: With the change.
        week: Of the retraining.
        otherwise: Weeks of the retrainings without the change.
    """
    if history.mistaken is None:
        return False
    begin, end = history.mistaken
    within = begin < week <= end + 1
    return within and not any(abs(week - other) <= 4 for other in otherwise)


def _summary(rows: list[dict[str, Any]]) -> dict[str, Any]:
    total = sum(row["cost"] for row in rows)
    best = sum(row["best"] for row in rows)
    floor = sum(row["floor"] for row in rows)
    ratios = np.array([row["cost"] / row["best"] for row in rows])
    retrains = sum(row["retrains"] for row in rows)
    false = sum(row["false"] for row in rows)
    mistaken = sum(row["mistaken"] for row in rows)
    misled = sum(row["misled"] > 0 for row in rows)
    scaled = {}
    for name in CADENCES:
        scaled[name] = float(np.mean([row["fixed"][name] / row["best"] for row in rows]))
    by_kind = {}
    for kind in KINDS:
        own = [row for row in rows if row["kind"] == kind]
        if own:
            by_kind[kind] = {
                "histories": len(own),
                "cost_to_best": round(float(np.mean([r["cost"] / r["best"] for r in own])), 4),
                "retrains": sum(r["retrains"] for r in own),
                "best_retrains": sum(r["best_retrains"] for r in own),
                "false": sum(r["false"] for r in own),
            }
    best_fixed = np.mean([min(row["fixed"].values()) / row["best"] for row in rows])
    actions: Counter[str] = Counter()
    for row in rows:
        actions.update(row["actions"])
    return {
        "histories": len(rows),
        "cost_to_best_mean": round(float(ratios.mean()), 4),
        "cost_to_best_sum": round(total / best, 4),
        "cost_to_best_95th": round(float(np.quantile(ratios, 0.95)), 4),
        "avoidable_to_best_sum": round((total - floor) / (best - floor), 3),
        "fixed_cadences_to_best": {name: round(value, 4) for name, value in scaled.items()},
        "best_cadence_of_each_history": round(float(best_fixed), 4),
        "retrains": retrains,
        "false_retrains": _share(false, retrains),
        "histories_with_false_retrain": _share(sum(row["false"] > 0 for row in rows), len(rows)),
        "misled_by_judge_or_records": _share(misled, mistaken),
        "by_kind": by_kind,
        "actions": dict(actions),
    }


def _share(count: int, of: int) -> str:
    if not of:
        return "none"
    found: Estimate = proportion(count, of, method="clopper-pearson")
    return f"{count} of {of}: {found}"


if __name__ == "__main__":
    main()
