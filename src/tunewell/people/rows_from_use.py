"""Rows from use: what was asked in use, with the answer that somebody wrote in its place.

A user wrote it as feedback, or somebody who read answers in use (`tunewell watch review`) did.

They are taken up as a snapshot, by an event: a run goes on with the snapshot that it began with,
however much is corrected meanwhile, and `tunewell run` takes what `tunewell iterate` has taken up.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import sqlalchemy as sa
from pydantic import Field

from tunewell.people.row_changes import FROM_USE, standing_corrections, taken_up
from tunewell.store import Store
from tunewell.store.traffic_tables import feedback, interactions
from tunewell.types import Example, Feedback, Interaction, Message, Value

SOURCE: Final = "use"

ROLES: Final = {"system": "system", "developer": "system", "user": "user", "assistant": "assistant"}

AT_ONCE: Final = 500


class RowsFromUse(Value):
    """What there is to take up.

    Attributes:
        rows: In the order of their ids.
        left_out: Corrected interactions that make no row, by reason.
    """

    rows: tuple[Example, ...] = ()
    left_out: Mapping[str, int] = Field(default_factory=dict)


def rows_from_use(store: Store, slices: Sequence[str] = ()) -> RowsFromUse:
    """Every interaction whose answer somebody corrected.

    Of several corrections by users the newest; what somebody wrote who was asked to read the answer
    goes before what users wrote. Only what the model would have had to say is learned: earlier
    answers in the conversation are the model's own and carry no weight.

    Args:
        store: Of the project.
        slices: Fields that the project's slices go by; a row has those of its request's metadata.
    """
    by_users = _corrected_by_users(store)
    written = {**by_users, **_corrected_by_readers(store)}
    rows = []
    recorded = set()
    why: Counter[str] = Counter()
    for asked in _interactions(store, sorted(written)):
        recorded.add(asked.id)
        turns = turns_asked(asked)
        if turns is None:
            why["pictures, files or tool calls in the question"] += 1
        elif not turns or turns[-1].role != "user":
            why["no question before the answer"] += 1
        else:
            tags = _tags(asked, slices)
            rows.append(_row(asked, turns, written[asked.id], tags))
    missing = len(by_users.keys() - recorded)
    if missing:
        why["the interaction itself is not recorded"] = missing
    return RowsFromUse(
        rows=tuple(sorted(rows, key=lambda row: row.id)),
        left_out=dict(why),
    )


def _corrected_by_users(store: Store) -> dict[str, str]:
    """What users wrote as feedback, by interaction."""
    newest: dict[str, str] = {}
    query = (
        sa.select(feedback.c.record)
        .where(feedback.c.kind == "correction")
        .order_by(feedback.c.at, feedback.c.key)
    )
    for record in store.values(query):
        said = Feedback.model_validate_json(record)
        if said.text.strip():
            newest[said.interaction] = said.text
    return newest


def _corrected_by_readers(store: Store) -> dict[str, str]:
    """What people wrote who were given answers in use to read, by interaction.

    Outputs from elsewhere are read in the same way; their ids are those of no interaction.
    """
    return {answer.example: answer.target for answer in standing_corrections(store).get("own", ())}


def _interactions(store: Store, ids: Sequence[str]) -> Iterator[Interaction]:
    for start in range(0, len(ids), AT_ONCE):
        some = ids[start : start + AT_ONCE]
        query = sa.select(interactions.c.record).where(interactions.c.id.in_(some))
        for record in store.values(query):
            yield Interaction.model_validate_json(record)


def _tags(asked: Interaction, slices: Sequence[str]) -> dict[str, str]:
    metadata = asked.request.get("metadata")
    if not isinstance(metadata, dict):
        return {}
    names = [name.removeprefix("tags.") for name in slices]
    return {name: str(metadata[name]) for name in names if metadata.get(name) not in (None, "")}


def _row(
    asked: Interaction,
    turns: Sequence[Message],
    text: str,
    tags: Mapping[str, str],
) -> Example:
    answer = Message(
        role="assistant",
        content=text.strip(),
    )
    return Example(
        id=f"use-{asked.id}",
        messages=(*turns, answer),
        source=SOURCE,
        date=asked.at.date(),
        group=f"conversation-{asked.conversation}" if asked.conversation else "",
        origin="production",
        tags=tags,
    )


def turns_asked(asked: Interaction) -> list[Message] | None:
    """The turns of a request; None where it holds more than text.

    Example:
        >>> import datetime as dt
        >>> request = {"instructions": "Be brief.", "input": "Why?"}
        >>> now = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
        >>> [t.role for t in turns_asked(Interaction(id="1", at=now, request=request)) or []]
        ['system', 'user']
    """
    request = asked.request
    turns: list[Any] = []
    if isinstance(request.get("instructions"), str) and request["instructions"].strip():
        turns.append({"role": "system", "content": request["instructions"]})
    given = request.get("messages", request.get("input"))
    if isinstance(given, str):
        turns.append({"role": "user", "content": given})
    elif isinstance(given, list):
        turns += given

    found = []
    for turn in turns:
        message = _turn(turn)
        if message is None:
            return None
        found.append(message)
    return found


def _turn(turn: Any) -> Message | None:
    if not isinstance(turn, dict) or turn.get("tool_calls"):
        return None
    role = ROLES.get(str(turn.get("role", "")))
    text = _text(turn.get("content"))
    if role is None or text is None:
        return None
    if role == "assistant":
        return Message(
            role="assistant",
            content=text,
            weight=0.0,
        )
    return Message.model_validate({"role": role, "content": text})


def _text(content: Any) -> str | None:
    """The text of a turn; None where it is more than text."""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return None
    parts = []
    for part in content:
        text = part.get("text") if isinstance(part, dict) else None
        if not isinstance(text, str):
            return None
        parts.append(text)
    return "\n".join(parts)


def take_up_from_use(
    store: Store,
    *,
    author: str,
    slices: Sequence[str] = (),
) -> RowsFromUse:
    """Make what there is now the snapshot that the next version of the data takes up.

    Where nothing has changed since the last one, nothing is written.

    Args:
        store: Of the project.
        author: Who does it.
        slices: As in `rows_from_use`.
    """
    found = rows_from_use(store, slices)
    if not found.rows and not taken_up(store):
        return found
    artifact = store.put_examples(found.rows)
    if artifact != taken_up(store):
        record = {"rows": len(found.rows), "left_out": dict(found.left_out)}
        store.say(
            FROM_USE,
            artifact,
            author=author,
            record=record,
        )
    return found
