"""Something in use that is no longer as it was: since when, how large, where, and why."""

from __future__ import annotations

import datetime as dt
from typing import Literal

from pydantic import Field

from tunewell.types.figures import Estimate
from tunewell.types.values import Value

Cause = Literal["traffic", "knowledge", "model", "judge", "instrumentation", "cannot tell"]
"""Why a channel left its band.

``traffic``: other people ask, or they ask other things. ``knowledge``: the world changed, and right
answers with it. ``model``: the model or its provider answers otherwise. ``judge``: what scores the
answers scores otherwise. ``instrumentation``: a field, list of values, clock or template changed,
and nothing else did.
"""


class Alarm(Value):
    """One channel that left its band.

    Attributes:
        id: Our own; the same alarm keeps it from one look to the next.
        channel: Name of the channel.
        slice: The slice that moved, as ``key=value``; empty for all of the traffic.
        raised: End of the window in which it was first seen, UTC.
        as_of: Until when the records were complete that it rests on, UTC.
        since: When the change most likely began, UTC.
        since_low: Earliest time that the records allow for its beginning.
        since_high: Latest one.
        before: The channel's figure in the reference.
        after: Its figure since the change.
        size: The change, in the channel's unit.
        p_value: Probability of so large an excess in a quiet year over all channels together.
        cause: What is behind it.
        cause_why: The evidence for the cause, one sentence.
        remedy: What to do, one sentence.
        code: Of the pitfall that it is an instance of: ``L03`` …
        examples_before: Ids of records from before the change, at most ten.
        examples_after: Ids of records since the change, at most ten.
    """

    id: str = Field(min_length=1)
    channel: str = Field(min_length=1)
    slice: str = ""
    raised: dt.datetime
    as_of: dt.datetime
    since: dt.datetime
    since_low: dt.datetime
    since_high: dt.datetime
    before: Estimate | None = None
    after: Estimate | None = None
    size: Estimate | None = None
    p_value: float = Field(ge=0, le=1)
    cause: Cause = "cannot tell"
    cause_why: str = ""
    remedy: str = ""
    code: str = "L03"
    examples_before: tuple[str, ...] = ()
    examples_after: tuple[str, ...] = ()
