"""One served answer as people and checks read it: what was asked, what was said, by which arm."""

from __future__ import annotations

import datetime as dt
from collections.abc import (
    Iterator,
    Mapping,
    Sequence,
)
from typing import Any, Final

from pydantic import Field

from tunewell.types import (
    Example,
    Interaction,
    Message,
    Value,
)

ROLES: Final = ("system", "user", "assistant", "tool", "developer")


class ServedAnswer(Value):
    """An answer in use.

    Attributes:
        id: Of its interaction.
        at: When it was asked for, UTC.
        example: What was asked, without the answer.
        output: The answer.
        arm: The arm that answered.
        conversation: Mark of its conversation: rows of one are not independent.
        slices: Values of its slice fields.
    """

    id: str
    at: dt.datetime
    example: Example
    output: str
    arm: str = ""
    conversation: str = ""
    slices: Mapping[str, str] = Field(default_factory=dict)

    @property
    def corrected(self) -> str:
        """Id of the row that a correction of this answer becomes."""
        return f"{self.id}#corrected"

    def as_row(self, answer: str) -> Example:
        """The row in which somebody wrote another answer."""
        target = Message(role="assistant", content=answer)
        changed = {
            "id": self.corrected,
            "messages": (*self.example.messages, target),
            "parent": self.id,
            "origin": "correction",
        }
        return self.example.model_copy(update=changed)


def served_answers(
    interactions: Sequence[Interaction],
    slices: Sequence[str] = (),
) -> Iterator[ServedAnswer]:
    """The answered ones among some interactions, without shadows and what cannot be read.

    Args:
        interactions: In any order.
        slices: Fields of the request's metadata that the project's slices go by.
    """
    for row in interactions:
        if row.shadow_of or row.ended != "answered" or not row.response.strip():
            continue
        messages = _messages(row.request)
        if messages:
            yield _served(
                row,
                messages,
                slices,
            )


def _served(
    row: Interaction,
    messages: tuple[Message, ...],
    slices: Sequence[str],
) -> ServedAnswer:
    metadata = row.request.get("metadata")
    fields = metadata if isinstance(metadata, dict) else {}
    values = {name: str(fields[name]) for name in slices if fields.get(name) not in (None, "")}
    example = Example(
        id=row.id,
        messages=messages,
        source="traffic",
        date=row.at.date(),
        group=row.conversation,
        origin="production",
        tags=values,
    )
    return ServedAnswer(
        id=row.id,
        at=row.at,
        example=example,
        output=row.response,
        arm=row.served or row.assigned,
        conversation=row.conversation or row.id,
        slices=values,
    )


def _messages(request: Mapping[str, Any]) -> tuple[Message, ...]:
    """The turns of a request of either protocol; empty where it holds no text."""
    turns = request.get("messages", request.get("input"))
    if isinstance(turns, str):
        turns = [{"role": "user", "content": turns}]
    if not isinstance(turns, list):
        return ()
    found = []
    instructions = request.get("instructions")
    if isinstance(instructions, str) and instructions.strip():
        found.append(Message(role="system", content=instructions))
    for turn in turns:
        if not isinstance(turn, dict) or turn.get("role") not in ROLES:
            continue
        text = _text(turn.get("content"))
        role = "system" if turn["role"] == "developer" else turn["role"]
        if text:
            found.append(Message(role=role, content=text))
    return tuple(found) if any(turn.role == "user" for turn in found) else ()


def _text(content: object) -> str:
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return ""
    parts = [part.get("text") for part in content if isinstance(part, dict)]
    return "\n".join(part for part in parts if isinstance(part, str))
