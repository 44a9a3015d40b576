"""Feedback as clients send it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from tunewell.gateway.draw import Hasher
from tunewell.types import Feedback, FeedbackKind, digest

TEXT_CHARACTERS = 200_000


class FeedbackRequest(BaseModel):
    """The body of a request to ``/v1/feedback``.

    Attributes:
        interaction: The ``X-Tunewell-Id`` of the answer.
        kind: ``rating``, ``thumb``, ``correction`` or ``event``.
        name: Of the scale, or of what happened.
        value: A number; for a thumb 1 (up) or 0 (down).
        text: The corrected answer, or a comment.
        key: The sender's own mark; the header ``Idempotency-Key`` says the same.
        author: Who said it; only a digest is kept.
        at: When it happened; now if it is left out.
    """

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    interaction: str = Field(min_length=1, max_length=128)
    kind: FeedbackKind
    name: str = Field(default="", max_length=128)
    value: float | None = None
    text: str = Field(default="", max_length=TEXT_CHARACTERS)
    key: str = Field(default="", max_length=128)
    author: str = Field(default="", max_length=320)
    at: AwareDatetime | None = None

    @model_validator(mode="after")
    def _says_something(self) -> FeedbackRequest:
        if self.kind == "rating" and self.value is None:
            raise ValueError("a rating needs a value")
        if self.kind == "thumb" and self.value not in (0, 1):
            raise ValueError("a thumb's value is 1 (up) or 0 (down)")
        if self.kind == "correction" and not self.text.strip():
            raise ValueError("a correction needs a text")
        if self.kind == "event" and not self.name:
            raise ValueError("an event needs a name, such as escalated")
        return self


def read_feedback_request(
    body: Mapping[str, Any], *, key: str, hasher: Hasher, now: dt.datetime
) -> Feedback:
    """Read and check what was sent.

    Args:
        body: Of the request.
        key: Of the header ``Idempotency-Key``; empty if it was not sent. Without any key, the same
            feedback on the same interaction counts once.
        hasher: For the author.
        now: When it came.

    Raises:
        pydantic.ValidationError: It is not valid.
    """
    said = FeedbackRequest.model_validate(body)
    same = said.model_dump(mode="json", exclude={"key", "at"})
    return Feedback(
        key=(key or said.key or digest(same))[:128],
        interaction=said.interaction,
        kind=said.kind,
        name=said.name,
        value=said.value,
        text=said.text,
        author=hasher.user(said.author),
        at=said.at or now,
        received=now,
    )
