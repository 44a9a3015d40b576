"""One request and its answer, as far as somebody else recorded them."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from typing import Any, Final

Turn = dict[str, Any]

EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


@dataclass
class Exchanged:
    """What a reader found.

    Attributes:
        mark: What tells it from all others in its source; the same again is the same record.
        at: When the request came, UTC.
        turns: Of the request, each as OpenAI writes messages.
        response: The answer's text.
        reasoning: What was thought aloud.
        tool_calls: As OpenAI writes them.
        model: That answered.
        version: As the source names it, if other than the model.
        user: Id of the user, not yet a digest.
        conversation: Id of the conversation, not yet a digest.
        finish: Why the answer ended.
        error: What went wrong.
        prompt_tokens: As the source counts them.
        answer_tokens: Likewise.
        first_token_s: Seconds to the first piece.
        total_s: Seconds to the end.
        cost: As the source says.
        arm: Variant that the source names.
        server_id: The server's id of the answer.
        feedback: Ratings, corrections and events that the source keeps beside it.
    """

    mark: str
    at: dt.datetime
    turns: list[Turn] = field(default_factory=list)
    response: str = ""
    reasoning: str = ""
    tool_calls: list[dict[str, Any]] = field(default_factory=list)
    model: str = ""
    version: str = ""
    user: str = ""
    conversation: str = ""
    finish: str = ""
    error: str = ""
    prompt_tokens: int | None = None
    answer_tokens: int | None = None
    first_token_s: float | None = None
    total_s: float | None = None
    cost: float | None = None
    arm: str = ""
    server_id: str = ""
    feedback: list[dict[str, Any]] = field(default_factory=list)


class UnreadableError(ValueError):
    """An object from which no exchange can be read; says why."""


def time_of(value: Any) -> dt.datetime:
    """A moment as people write it: ISO 8601, or seconds, milliseconds or nanoseconds since 1970.

    Raises:
        UnreadableError: It is none, or has no time zone.

    Example:
        >>> time_of("2026-11-30T12:00:00Z") == time_of(1796040000) == time_of(1796040000000)
        True
    """
    if isinstance(value, dt.datetime):
        return _zoned(value)
    if isinstance(value, str) and not value.replace(".", "", 1).isdigit():
        try:
            return _zoned(dt.datetime.fromisoformat(value))
        except ValueError:
            raise UnreadableError(f"{value[:40]!r} is no time") from None
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise UnreadableError(f"{str(value)[:40]!r} is no time") from None
    for unit in (1.0, 1e3, 1e6, 1e9):
        seconds = number / unit
        if 0 < seconds < 1e10:
            return EPOCH + dt.timedelta(seconds=seconds)
    raise UnreadableError(f"{str(value)[:40]!r} is no time")


def _zoned(at: dt.datetime) -> dt.datetime:
    """Times without a zone are UTC, as all of these sources write them."""
    return at.astimezone(dt.UTC) if at.tzinfo else at.replace(tzinfo=dt.UTC)


def count_of(value: Any) -> int | None:
    """A count of tokens, also where it was written as text; None if it is none."""
    if isinstance(value, bool) or value is None:
        return None
    try:
        number = int(value)
    except (TypeError, ValueError):
        return None
    return number if number >= 0 else None


def number_of(value: Any) -> float | None:
    """A number, also where it was written as text; None if it is none."""
    if isinstance(value, bool) or value is None:
        return None
    try:
        found = float(value)
    except (TypeError, ValueError):
        return None
    return found if abs(found) < float("inf") else None


def text_of(value: Any) -> str:
    """A text; empty for anything else."""
    return value if isinstance(value, str) else ""
