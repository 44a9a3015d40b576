"""What a release did to a KPI (L08): the effect with its interval, or that it cannot be told yet.

Before against after with trend, day of the week, memory of neighbouring days, and a control series
that the release did not touch: a structural time series (`tunewell.stats.Counterfactual`). What
else changed at the same time is not told apart without a control, and the result says so.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from tunewell.monitor.channel import Floats
from tunewell.monitor.kpi import KpiSeries
from tunewell.plurals import plural
from tunewell.stats import Counterfactual, mean
from tunewell.types import (
    Estimate,
    Finding,
    Threshold,
    Value,
)

ImpactOutcome = Literal["lower", "higher", "no larger than asked", "cannot be told yet"]

CODE: Final = "L08"
FEWEST: Final = 8
"""Periods on either side of the release."""


class Impact(Value):
    """What a release did to a KPI.

    Attributes:
        kpi: Its name.
        unit: Of the figures.
        since: First day after the release that was counted.
        until: Last day that was counted.
        before: The KPI before the release.
        after: The KPI since.
        effect: The change that the release made; None with too few periods.
        outcome: What can be said.
        smallest: The smallest effect that matters, in the KPI's unit; 0 if nobody named one.
        tell_on: The day on which an effect of the size that is asked for (or seen) can be told;
            None where that is past, or more than three years away.
        control: What the release did not touch; empty without a control.
        notes: What has to be known.
    """

    kpi: str
    unit: str
    since: dt.date
    until: dt.date
    before: Estimate | None
    after: Estimate | None
    effect: Estimate | None
    outcome: ImpactOutcome
    smallest: float = 0.0
    tell_on: dt.date | None = None
    control: str = ""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class ImpactQuestion:
    """What is asked of a release.

    Attributes:
        released: The day on which the release began to serve.
        control: What the release did not touch, in words; empty without a control.
        smallest: The smallest effect that matters, in the KPI's unit; 0 = any.
        level: Of the intervals.
    """

    released: dt.date
    control: str = ""
    smallest: float = 0.0
    level: float = 0.95


def impact(
    series: KpiSeries,
    question: ImpactQuestion,
    *,
    control: KpiSeries | None = None,
) -> Impact:
    """What a release did to a KPI.

    Args:
        series: The KPI of those whom the release serves.
        question: What is asked.
        control: The same KPI of those whom it does not serve, by the same periods; None without.
    """
    # The period that the release falls into belongs to neither side.
    last = series.whole_before(question.released)
    start = series.index(question.released + dt.timedelta(days=1))
    values = series.values
    size = len(values) if control is None else min(len(values), len(control.values))
    kept = _kept(
        size,
        last,
        start,
    )
    data = Counterfactual(
        values=_filled(values[kept]),
        noise=series.noise[kept],
        controls=None if control is None else _filled(control.values[kept]),
        start=last,
        season=7 if series.period_days == 1 else 1,
    )
    found = _effect(data, question)
    outcome = _outcome(found, question)
    return Impact(
        kpi=series.name,
        unit=series.unit,
        since=series.day(min(start, size)),
        until=series.day(size) - dt.timedelta(days=1),
        before=_level(values[:last], series.unit, question.level),
        after=_level(values[start:size], series.unit, question.level),
        effect=None if found is None else found.model_copy(update={"unit": series.unit}),
        outcome=outcome,
        smallest=question.smallest,
        tell_on=_tell_on(series, data, start, found, outcome, question),
        control=question.control if control is not None else "",
        notes=_notes(series, control, found),
    )


def _kept(
    size: int,
    last: int,
    start: int,
) -> NDArray[np.int64]:
    """Indices of the periods before and after the release, without those it falls into."""
    before = np.arange(min(last, size), dtype=np.int64)
    after = np.arange(min(start, size), size, dtype=np.int64)
    return np.concatenate([before, after])


def _filled(values: Floats) -> Floats:
    """Periods without contacts take the mean of the rest: they say nothing."""
    known = values[~np.isnan(values)]
    mean = float(known.mean()) if len(known) else 0.0
    return np.where(np.isnan(values), mean, values)


def _effect(data: Counterfactual, question: ImpactQuestion) -> Estimate | None:
    return data.effect(level=question.level) if _is_enough(data) else None


def _is_enough(data: Counterfactual) -> bool:
    """Whether there are enough periods on both sides of the release."""
    values = np.asarray(data.values)
    least = max(FEWEST, data.season)
    return least <= data.start <= len(values) - least


def _outcome(effect: Estimate | None, question: ImpactQuestion) -> ImpactOutcome:
    if effect is None:
        return "cannot be told yet"
    if effect.high < 0:
        return "lower"
    if effect.low > 0:
        return "higher"
    if question.smallest and max(abs(effect.low), abs(effect.high)) < question.smallest:
        return "no larger than asked"
    return "cannot be told yet"


def _tell_on(
    series: KpiSeries,
    data: Counterfactual,
    start: int,
    effect: Estimate | None,
    outcome: ImpactOutcome,
    question: ImpactQuestion,
) -> dt.date | None:
    """When an effect of the size that matters, or else of the size that is seen, can be told."""
    if outcome != "cannot be told yet" or not _is_enough(data):
        return None
    wanted = question.smallest or (abs(effect.value) if effect else 0.0)
    if wanted <= 0:
        return None
    needed = data.times_until_told(wanted, level=question.level)
    if needed is None:
        return None
    return series.day(start + needed) + dt.timedelta(days=round(series.ripening_days))


def _level(
    values: Floats,
    unit: str,
    level: float,
) -> Estimate | None:
    """The mean over periods, its interval by weeks of neighbours."""
    known = values[~np.isnan(values)]
    if len(known) < 2 * FEWEST:
        return None
    blocks = np.arange(len(known)) // 7
    found = mean(
        known,
        clusters=blocks,
        level=level,
    )
    return found.model_copy(update={"unit": unit})


def _notes(
    series: KpiSeries,
    control: KpiSeries | None,
    effect: Estimate | None,
) -> tuple[str, ...]:
    notes = []
    if control is None:
        notes.append(
            "there is no control: whatever else changed on that day is part of this figure"
        )
    if effect is None:
        notes.append(
            f"{FEWEST} periods are needed on both sides of the release, the days of the week among "
            "them"
        )
    if series.ripening_days >= 1:
        days = plural(round(series.ripening_days), "day")
        notes.append(
            f"95 % of what comes of a contact has come after {days}: later ones are left out"
        )
    return tuple(notes)


def impact_finding(
    found: Impact,
    *,
    better: Literal["lower", "higher"],
) -> Finding:
    """L08: found where a KPI did not get better, unchecked where that cannot be told yet.

    Args:
        found: What the release did.
        better: Which way is better for this KPI.
    """
    why = sentence(found)
    threshold = Threshold(value=0.0, origin="built-in")
    if found.outcome == "cannot be told yet":
        return Finding(code=CODE, status="unchecked", stage="watch", why=why, estimate=found.effect)
    status: Literal["found", "clear"] = "clear" if found.outcome == better else "found"
    remedy = "" if status == "clear" else "say so to whoever asked for the release"
    return Finding(
        code=CODE,
        status=status,
        stage="watch",
        why=why,
        estimate=found.effect,
        threshold=threshold,
        remedy=remedy,
    )


def sentence(found: Impact) -> str:
    """What can be said of a release, in one sentence."""
    beside = f", beside {found.control}" if found.control else ""
    if found.effect is None:
        return f"{found.kpi}: the effect of the release cannot be told yet{_when(found)}"
    figure = f"{found.effect.value:+.2f} [{found.effect.low:+.2f}, {found.effect.high:+.2f}]"
    figure = f"{figure} {found.unit}{beside}"
    if found.outcome == "cannot be told yet":
        return f"{found.kpi}: {figure}; it cannot be told yet{_when(found)}"
    if found.outcome == "no larger than asked":
        return f"{found.kpi}: {figure}, no effect of {found.smallest:g} or more"
    return f"{found.kpi} is {found.outcome} since the release: {figure}"


def _when(found: Impact) -> str:
    if found.tell_on is None:
        return ""
    return f"; around {found.tell_on:%Y-%m-%d} it can, if nothing else changes"
