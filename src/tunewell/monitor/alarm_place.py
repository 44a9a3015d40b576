"""Where an alarm was raised: which stream, which kind of channel, which field or words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from tunewell.monitor.channel import Channel, ChannelTopic
from tunewell.types import Alarm

PlaceKind = Literal["count", "level", "words", "values", "clock", "gap"]


@dataclass(frozen=True)
class AlarmPlace:
    """What an alarm is about.

    Attributes:
        stream: Of the records.
        name: Of the channel, without its stream.
        kind: Of the channel.
        topic: What it says something about.
        fields: Fields that it is made of.
        terms: Words, or values as ``field=value``, where it is about them.
        rises: Whether its figure rose.
    """

    stream: str
    name: str
    kind: PlaceKind
    topic: ChannelTopic
    fields: tuple[str, ...]
    terms: tuple[str, ...]
    rises: bool

    @classmethod
    def of(
        cls,
        alarm: Alarm,
        channels: Sequence[Channel],
        field_topics: Mapping[str, ChannelTopic] | None = None,
    ) -> AlarmPlace:
        """The place of an alarm among the channels of its look.

        Args:
            alarm: The alarm.
            channels: Of the look.
            field_topics: What each field says something about.
        """
        stream, name = stream_and_name(alarm.channel)
        terms: tuple[str, ...] = ()
        kind = _kind(name)
        if kind in ("words", "values"):
            terms = tuple(term.strip() for term in alarm.slice.split(","))
        fields = _fields(
            name,
            alarm.slice,
            kind,
        )
        topic = _topic(
            alarm,
            stream,
            name,
            kind,
            channels,
        )
        if kind == "values" and field_topics and fields:
            topic = field_topics.get(fields[0], "input")
        return cls(
            stream=stream,
            name=name,
            kind=kind,
            topic=topic,
            fields=fields,
            terms=terms,
            rises=_rises(alarm, name),
        )


def stream_and_name(channel: str) -> tuple[str, str]:
    """The stream of an alarm's channel, empty if it has none, and the channel's own name."""
    stream, colon, name = channel.partition(": ")
    return (stream, name) if colon else ("", channel)


def _kind(name: str) -> PlaceKind:
    first = name.split()[0]
    if first in ("words", "values"):
        return "words" if first == "words" else "values"
    if name == "hour of day":
        return "clock"
    if name == "gap":
        return "gap"
    return "count" if name == "count" else "level"


def _topic(
    alarm: Alarm,
    stream: str,
    name: str,
    kind: PlaceKind,
    channels: Sequence[Channel],
) -> ChannelTopic:
    if kind in ("clock", "gap"):
        return "measurement"
    if kind in ("words", "values"):
        return "input"
    for channel in channels:
        same_slice = channel.slice == alarm.slice or (alarm.slice == "all" and not channel.slice)
        if (channel.stream, channel.name) == (stream, name) and same_slice:
            return channel.topic
    return "traffic"


def _fields(
    name: str,
    slice: str,
    kind: PlaceKind,
) -> tuple[str, ...]:
    """Fields that a channel is made of, by its name and slice."""
    found = [part.partition("=")[0].strip() for part in slice.split(",") if "=" in part]
    for words in ("share of ", "mean of ", "length of ", "share with "):
        if kind == "level" and name.startswith(words):
            found.append(name.removeprefix(words).partition("=")[0])
    return tuple(dict.fromkeys(found))


def _rises(alarm: Alarm, name: str) -> bool:
    if alarm.size is not None:
        return alarm.size.value > 0
    return "less frequent" not in name
