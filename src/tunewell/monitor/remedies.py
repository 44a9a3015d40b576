"""What to do about an alarm, and the pitfall that it is an instance of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from tunewell.monitor.channel import ChannelTopic
from tunewell.types import Cause

REMEDIES: Final[Mapping[Cause, str]] = {
    "traffic": "review a sample of the new questions; do not retrain until their share has lasted",
    "knowledge": "collect rows on what is new, date the old facts, then retrain",
    "model": "compare the versions on the same rows; return to the one before if it was better",
    "judge": "validate the judge against people again; do not retrain",
    "instrumentation": "fix what records it and note the day; do not retrain",
    "cannot tell": "read the examples from before and after; tunewell watch anchors run",
}

CODES: Final[Mapping[Cause, str]] = {
    "traffic": "L03",
    "knowledge": "L05",
    "judge": "L06",
    "instrumentation": "L10",
}

QUALITY_TOPICS: Final = frozenset({"answer", "quality", "judge", "feedback"})


def code_of(cause: Cause, topic: ChannelTopic) -> str:
    """The pitfall of an alarm.

    Args:
        cause: Of it.
        topic: What its channel says something about.

    Example:
        >>> code_of("judge", "judge"), code_of("model", "answer"), code_of("model", "quality")
        ('L06', 'L10', 'L04')
    """
    if cause == "model" and topic == "answer":
        # Another provider or version answers otherwise: that is no decay.
        return "L10"
    return CODES.get(cause, "L04" if topic in QUALITY_TOPICS else "L03")
