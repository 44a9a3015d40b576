"""What users' feedback says of quality, with the silent ones counted both ways."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np

from tunewell.monitor.channel import DAY_S
from tunewell.monitor.found import FeedbackBound
from tunewell.monitor.interactions import (
    RIPE_DAYS,
    quality_bounds,
    topic_of_feedback,
)
from tunewell.monitor.records import DatedRecords

BOUND_DAYS: Final = 28
"""Days of answers that a bound speaks of, the last that are a week old."""


def feedback_bounds(records: DatedRecords) -> Iterator[FeedbackBound]:
    """A bound for each rating and thumb that users give unasked; the last word of each counts.

    A rating is good above the middle of the values that it has had.

    Args:
        records: The interactions, with what was said of them as numbers.
    """
    stop = records.as_of.timestamp() - RIPE_DAYS * DAY_S
    first, last = np.searchsorted(records.seconds, [stop - BOUND_DAYS * DAY_S, stop]).tolist()
    for label, values in sorted(records.numbers.items()):
        unasked = topic_of_feedback(label) == "feedback"
        if not unasked or label.partition(" ")[0] not in ("rating", "thumb"):
            continue
        said = values[first:last][~np.isnan(values[first:last])]
        if not said.size:
            continue
        middle = 0.5
        if not label.startswith("thumb"):
            middle = float(np.nanmin(values) + np.nanmax(values)) / 2
        yield FeedbackBound(
            name=label,
            good=quality_bounds(int((said > middle).sum()), int(said.size), last - first),
            said=int(said.size),
            of=last - first,
            days=BOUND_DAYS,
        )
