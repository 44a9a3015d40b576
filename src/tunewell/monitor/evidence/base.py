"""A piece of evidence, and the two stretches of time that it compares."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from tunewell.monitor.records import DatedRecords
from tunewell.types import Cause, Value

Bools = NDArray[np.bool_]

EvidenceKind = Literal[
    "clock",
    "renamed",
    "fill",
    "scale",
    "lost",
    "orphans",
    "silence",
    "model version",
    "template",
    "judge version",
    "new words",
    "model anchors",
    "judge anchors",
]

DAY_S: Final = 86_400
BEFORE_DAYS: Final = 56
AFTER_DAYS: Final = 21
"""How far evidence looks back before a change, and how far behind it."""

NEAR_S: Final = 3 * DAY_S
"""Evidence that happened further than this from the change has to do with something else."""


class CauseEvidence(Value):
    """One thing in the records that changed together with a channel.

    Attributes:
        kind: Of the evidence.
        cause: The cause that it speaks for.
        stream: Of the records that it was seen in; empty for anchors.
        fields: The fields that it is about; empty where it is about whole records.
        values: Values or words that are concerned.
        at: When it happened, UTC; None where that is not known to the day.
        what: In words.
    """

    kind: EvidenceKind
    cause: Cause
    stream: str = ""
    fields: tuple[str, ...] = ()
    values: tuple[str, ...] = ()
    at: dt.datetime | None = None
    what: str


@dataclass(frozen=True)
class TimeWindow:
    """When a change began, at the earliest and the latest, and when the records end.

    Attributes:
        low: Earliest time of its beginning, UTC.
        high: Latest time.
        end: No record after this is looked at.
    """

    low: dt.datetime
    high: dt.datetime
    end: dt.datetime

    @property
    def begin_s(self) -> float:
        """Start of the stretch before the change, in seconds since 1970."""
        return self.low.timestamp() - BEFORE_DAYS * DAY_S

    @property
    def low_s(self) -> float:
        """Earliest beginning, in seconds since 1970."""
        return self.low.timestamp()

    @property
    def high_s(self) -> float:
        """Latest beginning, in seconds since 1970."""
        return self.high.timestamp()

    @property
    def end_s(self) -> float:
        """End of the stretch after the change, in seconds since 1970."""
        return min(self.end.timestamp(), self.high_s + AFTER_DAYS * DAY_S)

    def is_near(self, second: float) -> bool:
        """Whether a moment is close enough to the change to have to do with it."""
        return self.low_s - NEAR_S <= second <= self.high_s + NEAR_S

    def overlaps(
        self,
        low: dt.datetime,
        high: dt.datetime,
    ) -> bool:
        """Whether another change began within three days of this one's window."""
        return low.timestamp() <= self.high_s + NEAR_S and high.timestamp() >= self.low_s - NEAR_S

    def before(self, records: DatedRecords) -> slice:
        """The records of the stretch before the change."""
        return _between(
            records,
            self.begin_s,
            self.low_s,
        )

    def after(self, records: DatedRecords) -> slice:
        """The records of the stretch after it."""
        return _between(
            records,
            self.high_s,
            self.end_s,
        )

    def whole(self, records: DatedRecords) -> slice:
        """The records from the beginning of the one to the end of the other."""
        return _between(
            records,
            self.begin_s,
            self.end_s,
        )

    @property
    def days_before(self) -> float:
        """Length of the stretch before the change."""
        return (self.low_s - self.begin_s) / DAY_S

    @property
    def days_after(self) -> float:
        """Length of the stretch after it."""
        return max((self.end_s - self.high_s) / DAY_S, 0.0)


def _between(
    records: DatedRecords,
    low: float,
    high: float,
) -> slice:
    first, last = np.searchsorted(records.seconds, [low, high])
    return slice(int(first), int(max(first, last)))


def day_of(second: float) -> str:
    """A day as it is written in a sentence: ``28 November 2023``."""
    at = dt.datetime.fromtimestamp(second, dt.UTC)
    return f"{at.day} {at:%B %Y}"


def moment(second: float) -> dt.datetime:
    """A time of seconds since 1970, UTC."""
    return dt.datetime.fromtimestamp(second, dt.UTC)
