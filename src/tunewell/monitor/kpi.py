"""A KPI of the traffic as a series: how many contacts there were, and how many ended that way."""

from __future__ import annotations

import datetime as dt
from collections.abc import (
    Callable,
    Iterable,
    Sequence,
)
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from tunewell.errors import UserError
from tunewell.monitor.channel import Floats
from tunewell.plurals import plural
from tunewell.types import Feedback, Interaction

DAY_S: Final = 86_400
WEEK_DAYS: Final = 7

FEWEST_A_DAY: Final = 15
"""With fewer contacts on an ordinary day the series is made of weeks."""

RIPE: Final = 0.95
"""A period counts once this share of what comes of its contacts has come."""


@dataclass(frozen=True)
class KpiSeries:
    """A KPI over time.

    Attributes:
        name: Of the KPI.
        first: The first day, UTC.
        period_days: 1 or 7.
        contacts: By period, shape (periods,).
        sums: Events, or the sum of the ratings, by period, shape (periods,).
        squares: Sum of the squared ratings by period, shape (periods,).
        is_share: Whether contacts either have it or not.
        ripening_days: Days until 95 % of what comes of a contact has come: later periods are left
            out.
    """

    name: str
    first: dt.date
    period_days: int
    contacts: Floats
    sums: Floats
    squares: Floats
    is_share: bool
    ripening_days: float

    @property
    def noise(self) -> Floats:
        """Variance of each value by counting alone, shape (periods,)."""
        total = max(float(self.contacts.sum()), 1.0)
        mean = float(self.sums.sum()) / total
        one = float(self.squares.sum()) / total - mean**2
        factor = 100.0 if self.is_share else 1.0
        # One event more and one contact more, so that what never happened is not certain.
        one = max(one, 1.0 / (total + 1))
        noise: Floats = factor**2 * one / np.maximum(self.contacts, 0.5)
        return noise

    @property
    def values(self) -> Floats:
        """The KPI by period: per hundred contacts, or the mean rating; NaN without contacts."""
        factor = 100.0 if self.is_share else 1.0
        out = np.full(len(self.contacts), np.nan)
        np.divide(
            factor * self.sums,
            self.contacts,
            out=out,
            where=self.contacts > 0,
        )
        return out

    @property
    def unit(self) -> str:
        """Of the values."""
        return "per 100 contacts" if self.is_share else "points"

    def aligned(self, other: KpiSeries) -> KpiSeries:
        """The same by the periods of another series: none of this one where that has none."""
        size = len(other.contacts)
        apart = (self.first - other.first).days // self.period_days
        place = np.arange(size) - apart
        inside = (place >= 0) & (place < len(self.contacts))

        def taken(values: Floats) -> Floats:
            found = np.zeros(size)
            found[inside] = values[place[inside]]
            return found

        return replace(
            self,
            first=other.first,
            contacts=taken(self.contacts),
            sums=taken(self.sums),
            squares=taken(self.squares),
        )

    def index(self, day: dt.date) -> int:
        """The first period that lies whole on or after a day."""
        days = (day - self.first).days
        return -(-days // self.period_days)

    def whole_before(self, day: dt.date) -> int:
        """How many periods lie whole before a day."""
        return max((day - self.first).days // self.period_days, 0)

    def day(self, period: int) -> dt.date:
        """The first day of a period."""
        return self.first + dt.timedelta(days=period * self.period_days)


Chosen = Callable[[Interaction], bool]


def kpi_series(
    name: str,
    interactions: Iterable[Interaction],
    feedback: Iterable[Feedback],
    *,
    chosen: Chosen = lambda _: True,
    until: dt.datetime,
    period_days: int = 0,
) -> KpiSeries:
    """A KPI by day, or by week where there is little traffic.

    A contact is a conversation; it counts on the day of its first request.

    Args:
        name: Of an event (``escalated``), a rating (``stars``) or ``thumb``.
        interactions: Of the time.
        feedback: What came of them.
        chosen: Which interactions count; all by default.
        until: The records are complete up to here.
        period_days: 1 or 7; by how much traffic there is if 0.

    Raises:
        UserError: Nothing of that name came of any interaction.
    """
    contacts = _contacts(interactions, chosen)
    said = [each for each in feedback if _name_of(each) == name and each.interaction in contacts]
    if not said:
        raise UserError(
            f"no feedback called {name!r} belongs to these interactions",
            hint="tunewell traffic show lists what there is",
        )
    is_share = said[0].kind == "event"
    ripening = _ripening_days(said, contacts)
    days = _Days.of(contacts, until - dt.timedelta(days=ripening))
    found = days.counted(
        said,
        contacts,
        is_share=is_share,
    )
    period = period_days or _period(found.contacts)
    return KpiSeries(
        name=name,
        first=days.first,
        period_days=period,
        contacts=_summed(found.contacts, period),
        sums=_summed(found.sums, period),
        squares=_summed(found.squares, period),
        is_share=is_share,
        ripening_days=ripening,
    )


@dataclass(frozen=True)
class _Contact:
    """One conversation: its mark and its first moment."""

    mark: str
    at: dt.datetime


def _contacts(interactions: Iterable[Interaction], chosen: Chosen) -> dict[str, _Contact]:
    """The conversation of each interaction that counts, by the interaction's id."""
    first: dict[str, dt.datetime] = {}
    marks: dict[str, str] = {}
    for row in interactions:
        if row.shadow_of or not chosen(row):
            continue
        mark = row.conversation or row.id
        marks[row.id] = mark
        first[mark] = min(first.get(mark, row.at), row.at)
    return {id: _Contact(mark, first[mark]) for id, mark in marks.items()}


def _name_of(said: Feedback) -> str:
    return said.name or said.kind


def _ripening_days(
    said: Sequence[Feedback],
    contacts: dict[str, _Contact],
) -> float:
    delays = [
        (each.received - contacts[each.interaction].at).total_seconds() / DAY_S for each in said
    ]
    return max(float(np.quantile(delays, RIPE)), 0.0)


@dataclass(frozen=True)
class _Counted:
    contacts: Floats
    sums: Floats
    squares: Floats


@dataclass(frozen=True)
class _Days:
    """The days that are counted."""

    first: dt.date
    count: int

    @classmethod
    def of(
        cls,
        contacts: dict[str, _Contact],
        until: dt.datetime,
    ) -> _Days:
        if not contacts:
            raise UserError("there are no contacts to count", hint="tunewell traffic show")
        first = min(contact.at for contact in contacts.values()).date()
        count = (until.date() - first).days
        if count < 1:
            raise UserError(
                "the outcomes of these contacts are not in yet: no day is complete",
                hint="look again in a week",
            )
        return cls(first, count)

    def counted(
        self,
        said: Sequence[Feedback],
        contacts: dict[str, _Contact],
        *,
        is_share: bool,
    ) -> _Counted:
        """Contacts and what came of them by day; of ratings the rated contacts are counted."""
        days = {
            contact.mark: (contact.at.date() - self.first).days for contact in contacts.values()
        }
        values: dict[str, list[float]] = {}
        for each in said:
            value = 1.0 if is_share or each.value is None else each.value
            values.setdefault(contacts[each.interaction].mark, []).append(value)
        weights = days if is_share else {mark: days[mark] for mark in values}
        counts = np.zeros(self.count)
        sums = np.zeros(self.count)
        squares = np.zeros(self.count)
        for mark, day in weights.items():
            if 0 <= day < self.count:
                counts[day] += 1
                found = values.get(mark)
                if found:
                    value = 1.0 if is_share else sum(found) / len(found)
                    sums[day] += value
                    squares[day] += value**2
        return _Counted(
            counts,
            sums,
            squares,
        )


def _period(contacts: Floats) -> int:
    """Days where an ordinary one has enough contacts and none is empty; else weeks."""
    is_dense = float(np.median(contacts)) >= FEWEST_A_DAY and bool((contacts > 0).all())
    return 1 if is_dense else WEEK_DAYS


def _summed(daily: Floats, period: int) -> Floats:
    whole = len(daily) // period * period
    if not whole:
        raise UserError(
            f"{plural(len(daily), 'day')} of traffic are less than a week", hint="look again later"
        )
    summed: Floats = daily[:whole].reshape(-1, period).sum(1)
    return summed
