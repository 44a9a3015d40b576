"""When to train again: what waiting costs against what retraining costs, over all ways to decay."""

from __future__ import annotations

import datetime as dt
import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from tunewell.decide.decay import Decay, Floats
from tunewell.types import Cadence, Estimate, RetrainingSchedule

STEP_DAYS: Final = 7.0
"""Days between the moments at which retraining is weighed."""

WAYS: Final = 1e-6
"""Ways to decay of less probability than this are left out of the weighing."""

FIXED: Final = (("monthly", 30.0), ("quarterly", 91.0), ("yearly", 365.0), ("never", 0.0))

NO_PRICE: Final = "no price for a wrong answer: set costs.wrong_answer in tunewell.yaml"
NO_COST: Final = "no price for a retraining: set costs.retraining in tunewell.yaml"
NO_TRAFFIC: Final = "how many answers a day are given is not known: set decide.answers_per_day"


@dataclass(frozen=True)
class ScheduleOptions:
    """What a schedule is weighed by.

    Attributes:
        answers_per_day: Given in use.
        wrong_answer: Price of one wrong answer.
        retraining: Price of one retraining, labels and people included.
        horizon_days: How far ahead is looked.
        cadence_days: The longest that the project lets a version serve; 0 = no bound.
        fewest_days: Days that a version serves at the least.
        recovers: Share of the decay that a retraining puts right.
        level: Of the interval around the day.
        currency: Of the prices.
    """

    answers_per_day: float
    wrong_answer: float
    retraining: float
    horizon_days: float = 365.0
    cadence_days: float = 0.0
    fewest_days: float = 0.0
    recovers: float = 1.0
    level: float = 0.95
    currency: str = "EUR"

    @property
    def unchecked(self) -> str:
        """Why nothing can be weighed; empty if it can."""
        if self.wrong_answer <= 0:
            return NO_PRICE
        if self.retraining <= 0:
            return NO_COST
        return "" if self.answers_per_day > 0 else NO_TRAFFIC

    @property
    def daily_price(self) -> float:
        """What a day costs at which all answers are wrong for a reason that retraining removes."""
        return self.answers_per_day * self.wrong_answer * self.recovers


@dataclass(frozen=True, eq=False)
class Weighed:
    """The expected cost of every moment for the next retraining.

    Attributes:
        days: The moments, days from now, shape (moments,); the last one stands for never.
        costs: By way to decay and moment, shape (ways, moments).
        weight: Probability of each way, shape (ways,).
    """

    days: Floats
    costs: Floats
    weight: Floats

    @property
    def best(self) -> int:
        """The moment of least expected cost."""
        return int((self.weight @ self.costs).argmin())

    @property
    def never(self) -> int:
        """The place of never."""
        return len(self.days) - 1

    @property
    def pays(self) -> float:
        """Probability that retraining now costs less than never."""
        paying = self.costs[:, 0] < self.costs[:, -1]
        return min(float(self.weight[paying].sum()), 1.0)

    @property
    def saved(self) -> Floats:
        """What retraining now saves against never, by way, shape (ways,)."""
        gained: Floats = self.costs[:, -1] - self.costs[:, 0]
        return gained

    def days_between(self, level: float) -> tuple[float, float]:
        """Interval of the best moment over the ways, days from now; infinite = never."""
        best = self.costs.argmin(1)
        order = np.argsort(best, kind="stable")
        reached = np.cumsum(self.weight[order])
        tail = (1 - level) / 2
        found = []
        for share in (tail, 1 - tail):
            place = int(np.searchsorted(reached, share * reached[-1]))
            moment = int(best[order[min(place, len(order) - 1)]])
            found.append(math.inf if moment == self.never else float(self.days[moment]))
        return found[0], found[1]


def weigh(decay: Decay, options: ScheduleOptions) -> Weighed:
    """Expected cost of the errors of waiting and of all retrainings, for each next moment.

    Until the next retraining errors grow on as each way says; the retrained version decays at the
    same rate from nothing, and is retrained at equal distances, as often as pays. A day costs its
    excess share of wrong answers times the answers times their price.

    Args:
        decay: Of the serving version.
        options: Prices, traffic and horizon.
    """
    kept = decay.weight > WAYS
    weight = decay.weight[kept] / decay.weight[kept].sum()
    rate, excess = decay.rate[kept], decay.excess[kept]
    horizon = options.horizon_days
    days = np.append(np.arange(0.0, horizon, STEP_DAYS), horizon)

    price, once = options.daily_price, options.retraining
    until = days[None, :]
    waiting = price * (excess[:, None] * until + rate[:, None] * until**2 / 2)
    later = _cost_after(
        rate,
        horizon - days,
        price=price,
        once=once,
    )
    paid = np.where(np.arange(len(days)) < len(days) - 1, once, 0.0)
    return Weighed(days, waiting + paid[None, :] + later, weight)


def _cost_after(rate: Floats, left: Floats, *, price: float, once: float) -> Floats:
    """What is still to pay after a retraining, with the best number of further ones.

    With m more in L days, each term is L/(m+1) long and costs price·rate·(L/(m+1))²/2.

    Args:
        rate: Of each way, shape (ways,).
        left: Days that are left after each moment, shape (moments,).
        price: Of a day of wrong answers.
        once: Of a retraining.
    """
    of_one = price * rate[:, None] * left[None, :] ** 2 / 2
    terms = np.sqrt(of_one / once)
    costs = []
    for number in (np.floor(terms), np.ceil(terms)):
        count = np.maximum(number, 1.0)
        costs.append(of_one / count + once * (count - 1))
    least: Floats = np.minimum(*costs)
    return least


def plan_schedule(
    decay: Decay,
    options: ScheduleOptions,
    *,
    now: dt.datetime,
    version: str = "",
) -> RetrainingSchedule:
    """When to train again, with its interval, and what fixed rhythms would cost.

    Args:
        decay: Of the serving version.
        options: Prices, traffic, horizon, and the project's own bounds.
        now: UTC.
        version: That serves.
    """
    seen = decay.readings > 0
    by_month = decay.estimate(
        decay.rate * 30,
        level=options.level,
        unit="share in 30 days",
    )
    known = RetrainingSchedule(
        at=now,
        version=version,
        decay=by_month if seen else None,
        excess=decay.estimate(
            decay.excess,
            level=options.level,
        )
        if seen
        else None,
        level=options.level,
        readings=decay.readings,
        left_out=decay.left_out,
        unchecked=options.unchecked,
    )
    if options.unchecked or not seen:
        return _bounded(known, decay, options, now)

    weighed = weigh(decay, options)
    best = weighed.best
    low, high = weighed.days_between(options.level)
    by = None if best == weighed.never else _day(now, float(weighed.days[best]))
    changes: dict[str, object] = {
        "by": by,
        "earliest": None if math.isinf(low) else _day(now, low),
        "latest": None if math.isinf(high) else _day(now, high),
        "pays": weighed.pays,
        "cadences": cadences(decay, options),
    }
    return _bounded(known.model_copy(update=_in_order(changes)), decay, options, now)


def _in_order(changes: dict[str, object]) -> dict[str, object]:
    """The interval holds the day."""
    by, earliest, latest = changes["by"], changes["earliest"], changes["latest"]
    if isinstance(by, dt.date):
        if not isinstance(earliest, dt.date) or earliest > by:
            changes["earliest"] = by
        if isinstance(latest, dt.date) and latest < by:
            changes["latest"] = by
    return changes


def _bounded(
    schedule: RetrainingSchedule,
    decay: Decay,
    options: ScheduleOptions,
    now: dt.datetime,
) -> RetrainingSchedule:
    """The schedule within the project's own bounds: the latest day first, then the earliest."""
    by = schedule.by
    changes: dict[str, object] = {}
    if options.cadence_days:
        latest = _day(now, max(options.cadence_days - decay.age, 0.0))
        if by is None or by > latest:
            changes = {"by": latest, "bound": True}
            by = latest
    first = _day(now, max(options.fewest_days - decay.age, 0.0))
    if by is not None and by < first:
        changes |= {"by": first, "bound": True}
    return schedule.model_copy(update=changes)


def _day(now: dt.datetime, days: float) -> dt.date:
    return (now + dt.timedelta(days=days)).date()


def cadences(decay: Decay, options: ScheduleOptions) -> tuple[Cadence, ...]:
    """What fixed rhythms would cost over the horizon, and how much of it the best one spares.

    Args:
        decay: Of the serving version.
        options: Prices, traffic, horizon.
    """
    best_errors, best_spent = _parts(decay, options, _best_rhythm(decay, options))
    found = []
    for name, every in _rhythms(options):
        errors, spent = _parts(decay, options, every)
        found.append(
            Cadence(
                name=name,
                every_days=every,
                cost=_money(decay, errors + spent, options),
                wasted=_money(decay, np.maximum(spent - best_spent, 0.0), options),
                lost=_money(decay, np.maximum(errors - best_errors, 0.0), options),
            )
        )
    return tuple(found)


def _rhythms(options: ScheduleOptions) -> list[tuple[str, float]]:
    own = options.cadence_days
    known = [every for _, every in FIXED]
    added = [(f"every {own:g} days", own)] if own and own not in known else []
    return [*FIXED, *added]


def _best_rhythm(decay: Decay, options: ScheduleOptions) -> float:
    """Days between retrainings of least expected cost; 0 = never."""
    choices = [0.0, *np.geomspace(STEP_DAYS, options.horizon_days, 40).tolist()]
    costs = []
    for every in choices:
        errors, spent = _parts(decay, options, every)
        costs.append(float(decay.weight @ (errors + spent)))
    return float(choices[int(np.argmin(costs))])


def _parts(decay: Decay, options: ScheduleOptions, every: float) -> tuple[Floats, Floats]:
    """Cost of errors and of retraining over the horizon at a rhythm, each shape (ways,)."""
    horizon, price = options.horizon_days, options.daily_price
    first = horizon if not every else min(max(every - decay.age, 0.0), horizon)
    errors = price * (decay.excess * first + decay.rate * first**2 / 2)
    if not every:
        return errors, np.zeros_like(errors)

    left = horizon - first
    whole, rest = divmod(left, every)
    errors = errors + price * decay.rate * (whole * every**2 + rest**2) / 2
    count = (first < horizon) + whole
    return errors, np.full_like(errors, options.retraining * count)


def _money(decay: Decay, values: Floats, options: ScheduleOptions) -> Estimate:
    return decay.estimate(
        values,
        level=options.level,
        unit=options.currency,
    )
