"""Causes of alarms that are settled: nothing that may still come has a part in them.

A cause rests on the weeks around a change. Once these are over it is told again only where anything
in them has changed since: a channel, the anchors, the evidence from elsewhere.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Sequence
from typing import Final

import numpy as np

from tunewell.monitor.anchors import AnchorReading
from tunewell.monitor.channel import Channel
from tunewell.monitor.evidence.base import AFTER_DAYS, BEFORE_DAYS, CauseEvidence
from tunewell.monitor.found import Watched
from tunewell.monitor.kept_blocks import KeptBlocks
from tunewell.types import Alarm, digest

MARGIN_DAYS: Final = 7
"""Beyond the weeks that evidence looks at: a fall is looked at again some days later."""


class ToldCauses:
    """The causes that earlier looks told, by what they rest on.

    Args:
        files: What is kept.
        watched: The look, before its causes.
        anchors: What runs of the anchors showed.
        known: Evidence that the records do not hold.
    """

    def __init__(
        self,
        files: KeptBlocks,
        watched: Watched,
        anchors: Sequence[AnchorReading],
        known: Sequence[CauseEvidence],
    ) -> None:
        self.files = files
        self.as_of = watched.as_of
        self.channels = [each.channel for each in watched.channels]
        beside = [each.model_dump(mode="json") for each in (*anchors, *known)]
        self.beside = digest(beside)

    def name(
        self,
        alarm: Alarm,
    ) -> str:
        """What a settled cause is kept under; empty where it is not settled yet."""
        last = alarm.since_high + dt.timedelta(days=AFTER_DAYS + MARGIN_DAYS)
        if self.as_of < last:
            return ""
        first = alarm.since_low - dt.timedelta(days=BEFORE_DAYS + MARGIN_DAYS)
        around = hashlib.blake2b(digest_size=16)
        for channel in self.channels:
            around.update(_around(channel, first, last))
        parts = [alarm.model_dump(mode="json"), self.beside, around.hexdigest()]
        return self.files.name("cause", parts)

    def told(
        self,
        alarm: Alarm,
    ) -> Alarm | None:
        """The alarm with its cause, where that is settled and kept."""
        name = self.name(alarm)
        kept = self.files.read(name) if name else None
        if kept is None:
            return None
        return Alarm.model_validate_json(kept["alarm"].tobytes())

    def tell(
        self,
        alarm: Alarm,
        explained: Alarm,
    ) -> None:
        """Keep the cause of an alarm, where it is settled."""
        name = self.name(alarm)
        if name:
            text = explained.model_dump_json().encode()
            self.files.write(name, {"alarm": np.frombuffer(text, dtype=np.uint8)})


def _around(
    channel: Channel,
    first: dt.datetime,
    last: dt.datetime,
) -> bytes:
    """A channel's sums of some days, by their bits."""
    begin, end = channel.within(first.timestamp(), last.timestamp())
    begin, end = max(begin - 1, 0), end + 1
    name = "|".join(channel.key).encode()
    return name + channel.total[begin:end].tobytes() + channel.weight[begin:end].tobytes()
