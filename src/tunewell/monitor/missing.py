"""What a look has no channel for, and what the records lack for it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from tunewell.monitor.channel import ChannelTopic
from tunewell.monitor.found import UncheckedChannel
from tunewell.monitor.interactions import CHECK_TOPICS
from tunewell.monitor.records import DatedRecords

WANTED: Final[dict[ChannelTopic, tuple[str, str]]] = {
    "answer": ("answers", "no column says how the model answers (answer, latency, finish reason)"),
    "quality": ("people's scores", "no column holds ratings by people"),
    "judge": ("judge scores", "no rating or column is named after a judge"),
    "feedback": ("feedback", "no column holds feedback from users"),
}
"""Topics that should be watched: what their channels are called, and what is missing without."""


def missing_channels(
    streams: Sequence[DatedRecords],
    further: Iterable[ChannelTopic],
) -> Iterator[UncheckedChannel]:
    """Topics that no column speaks of.

    Args:
        streams: Everything that is watched.
        further: Topics of channels that the records do not hold.
    """
    topics = set(further)
    for records in streams:
        topics |= _topics(records)
    for topic, (name, reason) in WANTED.items():
        if topic not in topics:
            yield UncheckedChannel(channel=name, reason=reason)


def _topics(records: DatedRecords) -> set[ChannelTopic]:
    """What the columns of a stream that hold anything say something about."""
    held = [*records.numbers, *records.texts]
    held += [name for name, field in records.categories.items() if len(field.values)]
    # A check that needs no person is no word of people.
    left_out = {*records.totals, *CHECK_TOPICS}
    return {records.topics.get(name, "input") for name in held if name not in left_out}
