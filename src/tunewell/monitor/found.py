"""What one look at everything that is watched finds: alarms, bands, what went unchecked."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field

from pydantic import Field

from tunewell.monitor.channel import Channel, Floats
from tunewell.plurals import per_cent, plural
from tunewell.types import Alarm, Estimate, Value


class ReferencePeriod(Value):
    """What a channel is held against, from one date to another; never edited, only followed.

    Attributes:
        version: Counts from 1 within a channel.
        start: First moment of it, UTC.
        end: First moment after it, UTC.
        why: ``first``, ``named`` by the user, ``monthly`` or ``after an alarm``.
        level: The channel's figure in it.
    """

    version: int = Field(ge=1)
    start: dt.datetime
    end: dt.datetime
    why: str
    level: float


class FeedbackBound(Value):
    """How good answers are by one kind of feedback, as far as anybody can know.

    Attributes:
        name: Of the feedback: ``rating stars``.
        good: Share of good answers: the value is among those who said something; the interval has
            all silent ones bad at its low end and good at its high end.
        said: Answers that drew it.
        of: Answers that could have.
        days: Over how many days.
    """

    name: str
    good: Estimate
    said: int
    of: int
    days: int

    @property
    def sentence(self) -> str:
        """In words."""
        return (
            f"{self.name}: {per_cent(self.good.value)} good among the {self.said:,} of "
            f"{plural(self.of, 'answer')} in {self.days} days that drew it; between "
            f"{per_cent(self.good.low)} and {per_cent(self.good.high)} of all, "
            "for silence says nothing"
        )


class UncheckedChannel(Value):
    """Something that could not be watched, and why.

    Attributes:
        channel: Its name.
        slice: Its slice.
        reason: One sentence.
    """

    channel: str
    slice: str = ""
    reason: str


@dataclass(frozen=True)
class BandedChannel:
    """A channel with the band in which it stays while nothing changes.

    Attributes:
        channel: The channel.
        expected: What its reference says of each period, shape (periods,); NaN before there is one.
        low: Lower end of the band, shape (periods,).
        high: Upper end, shape (periods,).
        references: Every reference that was in force, oldest first.
        yearly: Its share of the yearly false-alarm budget.
    """

    channel: Channel
    expected: Floats
    low: Floats
    high: Floats
    references: tuple[ReferencePeriod, ...] = ()
    yearly: float = 0.0


@dataclass(frozen=True)
class Watched:
    """What one look found.

    Attributes:
        alarms: Oldest first; their cause is ``cannot tell`` until `tunewell.monitor.cause.explain`
            has looked at all of them together.
        channels: Everything that was watched.
        unchecked: What was not, and why.
        as_of: Until when the records reach, UTC.
        yearly: Probability of any false alarm in a year, over all channels.
        notes: What has to be known of the records: fields edited later, totals of unequal age.
        bounds: What users' feedback says of quality.
    """

    alarms: tuple[Alarm, ...]
    channels: tuple[BandedChannel, ...]
    unchecked: tuple[UncheckedChannel, ...]
    as_of: dt.datetime
    yearly: float = 0.05
    notes: tuple[str, ...] = field(default_factory=tuple)
    bounds: tuple[FeedbackBound, ...] = ()
