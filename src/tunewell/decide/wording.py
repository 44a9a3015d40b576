"""Figures of decisions in words."""

from __future__ import annotations

from tunewell.types import Estimate, RetrainingSchedule


def points(share: Estimate) -> str:
    """A share in points of a hundred, with its interval.

    Example:
        >>> points(Estimate(value=0.021, low=0.004, high=0.05, n=9, method="m"))
        '2.1 points [0.4, 5.0]'
    """
    value, low, high = (100 * each for each in (share.value, share.low, share.high))
    return f"{value:.1f} points [{low:.1f}, {high:.1f}]"


def money(amount: Estimate) -> str:
    """An amount with its currency, and its interval where it has one.

    Example:
        >>> money(Estimate.exact(1200, n=1, unit="EUR"))
        '1,200 EUR'
        >>> money(Estimate(value=3.2, low=0, high=8.4, n=9, method="m", unit="EUR"))
        '3 EUR [0, 8]'
    """
    text = f"{amount.value:,.0f} {amount.unit}"
    if amount.low == amount.high:
        return text
    return f"{text} [{amount.low:,.0f}, {amount.high:,.0f}]"


def schedule_line(schedule: RetrainingSchedule) -> str:
    """The schedule as one sentence.

    Example:
        >>> import datetime as dt
        >>> day = dt.date(2026, 3, 14)
        >>> made = RetrainingSchedule(at=dt.datetime(2026, 1, 1, tzinfo=dt.UTC), by=day)
        >>> schedule_line(made.model_copy(update={"earliest": day, "readings": 12}))
        'retrain by 14 March 2026 [14 March 2026, perhaps never]'
    """
    if schedule.by is None:
        if schedule.unchecked:
            return f"no day yet: {schedule.unchecked}"
        if not schedule.readings:
            return "no day yet: no answer of the serving version has been judged"
        return "within the horizon retraining does not pay"
    if schedule.bound:
        return f"retrain by {_day(schedule.by)}, by the project's own bounds"
    first = _day(schedule.earliest or schedule.by)
    last = _day(schedule.latest) if schedule.latest else "perhaps never"
    return f"retrain by {_day(schedule.by)} [{first}, {last}]" + _rhythms(schedule)


def _day(day: object) -> str:
    return f"{day:%-d %B %Y}"


def _rhythms(schedule: RetrainingSchedule) -> str:
    """What monthly would waste and yearly would lose."""
    by_name = {each.name: each for each in schedule.cadences}
    parts = []
    if "monthly" in by_name and by_name["monthly"].wasted.value > 0:
        parts.append(f"monthly would waste {money(by_name['monthly'].wasted)}")
    if "yearly" in by_name and by_name["yearly"].lost.value > 0:
        parts.append(f"yearly would lose {money(by_name['yearly'].lost)}")
    return f"; {', '.join(parts)}" if parts else ""
