"""A generator's reply as a row, or why it is none."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from typing import Final

from tunewell.augment.nouns import Candidate
from tunewell.augment.written_rows import ReplyError, WrittenRow, row_in
from tunewell.model.base import Generation
from tunewell.model.sending import UNREADABLE
from tunewell.task import AugmentCell
from tunewell.types import Example, Message

ERASED: Final = "erased: it named a person who was erased since"
"""Reason of a reply whose text is gone."""


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
    return row_in(reply.text, candidate.ref, parent)


_FAILURES: Final = (
    ("no answer in time", "timeout"),
    ("too many requests", "too many requests"),
    ("connection failed", "no connection"),
    ("server error", "server error"),
    ("refused by the server", "refused"),
    (UNREADABLE, "unreadable reply"),
    ("the server's reply holds no answer", "empty reply"),
    (ERASED, "erased"),
)


def _kind_of_failure(reason: str) -> str:
    for begins, kind in _FAILURES:
        if reason.startswith(begins):
            return kind
    return "request failed"


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
        message = Message(role=turn.role, content=text, weight=turn.weight, name=turn.name)
        if turn.audio and written.audio:
            message = message.model_copy(update={"audio": written.audio})
        messages.append(message)
    messages.append(Message(role="assistant", content=written.target))
    tags = {name: value for name, value in parent.tags.items() if name in kept_tags}
    set_by_cell = dict(cell.set)
    date = set_by_cell.pop("date", "")
    kind = set_by_cell.pop("kind", written.kind or parent.kind)
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
