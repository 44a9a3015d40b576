"""Feedback about interactions that are not there: rows that were lost leave it behind."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np

from tunewell.monitor.channel import DAY_S
from tunewell.monitor.evidence.base import CauseEvidence, day_of, moment
from tunewell.monitor.feedback_table import FeedbackTable
from tunewell.stats.proportions import at_least

FEWEST: Final = 5
"""Orphans of a day that are more than somebody's mistake."""

LARGE: Final = 0.25
SURE: Final = 1e-4
"""A day has lost interactions if so much of its feedback has none, and luck does it so rarely."""


def orphan_evidence(
    said: FeedbackTable,
    stream: str,
) -> Iterator[CauseEvidence]:
    """Days with far more feedback about nothing than the others have.

    Args:
        said: The feedback.
        stream: Of the records.
    """
    if not len(said):
        return
    days, place = np.unique(said.at // DAY_S, return_inverse=True)
    of = np.bincount(place)
    orphans = np.bincount(place, said.rows < 0).astype(int)
    usual = max(int(orphans.sum() - orphans.max()), 1) / len(said)
    rare = np.array([at_least(*pair, usual) < SURE for pair in zip(orphans, of, strict=True)])
    many = (orphans >= FEWEST) & (orphans >= LARGE * of)
    for i in np.flatnonzero(rare & many).tolist():
        day = float(days[i]) * DAY_S
        yield CauseEvidence(
            kind="orphans",
            cause="instrumentation",
            stream=stream,
            at=moment(day),
            what=f"{orphans[i]} of {of[i]} feedback records of {day_of(day)} are about "
            "interactions that are not recorded: rows are lost",
        )
