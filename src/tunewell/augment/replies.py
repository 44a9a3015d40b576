"""A generator's reply as a row, or why it is none."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final

from tunewell.augment.nouns import Candidate
from tunewell.augment.prompts import is_one_question, questions
from tunewell.checks.broken.refusals import refusal
from tunewell.json_text import next_json
from tunewell.model.base import Generation
from tunewell.task import AugmentCell
from tunewell.types import Example, Message

_REF = re.compile(r"r[0-9a-f]{10}")
_MOST_CHARACTERS: Final = 400_000


class ReplyError(ValueError):
    """A reply that holds no row.

    Attributes:
        kind: In a few words, as it is counted.
        again: Whether another try may bring one.
    """

    def __init__(
        self,
        kind: str,
        evidence: str = "",
        *,
        again: bool = True,
    ) -> None:
        super().__init__(kind)
        self.kind = kind
        self.evidence = evidence[:400]
        self.again = again


@dataclass(frozen=True)
class WrittenRow:
    """What a generator wrote.

    Attributes:
        turns: Before the answer, in order.
        target: The answer.
    """

    turns: tuple[str, ...]
    target: str


def read_reply(
    reply: Generation,
    candidate: Candidate,
    parent: Example,
) -> WrittenRow:
    """The row in a reply.

    Raises:
        ReplyError: There is none: the request failed, the reply is cut off, no JSON, a refusal, or
            the answer to another request.
    """
    if reply.finish == "error":
        raise ReplyError(_kind_of_failure(reply.reason), reply.reason)
    if reply.finish == "length":
        raise ReplyError("cut off", reply.text[-200:])
    values = _object(reply.text)
    ref = str(values.get("ref", ""))
    if _REF.fullmatch(ref) and ref != candidate.ref:
        raise ReplyError("answer to another request", ref)
    return _row(values, parent)


_FAILURES: Final = (
    ("no answer in time", "timeout"),
    ("too many requests", "too many requests"),
    ("connection failed", "no connection"),
    ("server error", "server error"),
    ("refused by the server", "refused"),
    ("a reply that cannot be read", "unreadable reply"),
    ("the server's reply holds no answer", "empty reply"),
)


def _kind_of_failure(reason: str) -> str:
    for begins, kind in _FAILURES:
        if reason.startswith(begins):
            return kind
    return "request failed"


def _object(text: str) -> Mapping[str, Any]:
    """The first JSON object of a reply, whatever stands around it."""
    start = text.find("{")
    if start < 0:
        said, _ = refusal(text)
        raise ReplyError("refused" if said else "no JSON", text[:200])
    try:
        found, _ = next_json(json.JSONDecoder(strict=False), text[:_MOST_CHARACTERS], start)
    except ValueError as error:
        raise ReplyError("no JSON", str(error)) from None
    if not isinstance(found, dict):
        raise ReplyError("no JSON", text[:200])
    return found


def _row(
    values: Mapping[str, Any],
    parent: Example,
) -> WrittenRow:
    target = values.get("target")
    asked = questions(parent)
    turns = [values.get("input")] if is_one_question(parent) else values.get("turns")
    if not isinstance(target, str) or not isinstance(turns, list):
        raise ReplyError("keys are missing", ", ".join(map(str, list(values)[:8])))
    texts = [turn for turn in turns if isinstance(turn, str)]
    if len(texts) != len(turns) or len(turns) != len(asked):
        raise ReplyError("keys are missing", f"{len(turns)} turns, {len(asked)} wanted")
    return WrittenRow(tuple(texts), target)


def child_of(
    parent: Example,
    written: WrittenRow,
    cell: AugmentCell,
    candidate: Candidate,
    *,
    generator: str,
    kept_tags: Collection[str],
) -> Example:
    """The row that was written, in its parent's family.

    Args:
        parent: The row that it was made from.
        written: Its texts.
        cell: What it was asked for by.
        candidate: Which one it is.
        generator: Who wrote it.
        kept_tags: Tags that the child has as its parent (the slices); what else is known of the
            parent was said of the parent's text.
    """
    texts = iter(written.turns)
    messages = []
    for turn in parent.prompt:
        text = turn.content if turn.role == "system" else next(texts)
        messages.append(Message(role=turn.role, content=text, weight=turn.weight, name=turn.name))
    messages.append(Message(role="assistant", content=written.target))
    tags = {name: value for name, value in parent.tags.items() if name in kept_tags}
    set_by_cell = dict(cell.set)
    date = set_by_cell.pop("date", "")
    kind = set_by_cell.pop("kind", parent.kind)
    said = {"augmentation": cell.name, "generator": generator}
    return Example(
        id=f"{parent.id}~{cell.name}-{candidate.place}",
        messages=tuple(messages),
        source=parent.source,
        kind=kind,
        date=dt.date.fromisoformat(date) if date else parent.date,
        group=parent.group,
        parent=parent.id,
        origin="augmentation",
        tags=tags | set_by_cell | said,
    )
