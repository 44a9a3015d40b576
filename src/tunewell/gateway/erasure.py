"""A person is taken out of what was asked and answered: texts are blanked, that it was stays.

Rows stay, so that the ledger still balances and no denominator shrinks.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from typing import Any

import sqlalchemy as sa

from tunewell.gateway.archive import day_file, write_day
from tunewell.gateway.keep import feedback_line, interaction_line
from tunewell.store import Store
from tunewell.store.kept_traffic import read_feedback, read_interactions
from tunewell.store.traffic_tables import feedback, interactions
from tunewell.types import Feedback, Interaction, Value

Mentions = Callable[[str], bool]

BLANK: dict[str, Any] = {
    "user": "",
    "request": {},
    "response": "",
    "reasoning": "",
    "tool_calls": (),
    "error": "",
    "prompt_version": "",
}


class ErasedTraffic(Value):
    """What was blanked.

    Attributes:
        interactions: Whose texts mention the person, or whose user the person is.
        feedback: Likewise.
    """

    interactions: int = 0
    feedback: int = 0


def erase_from_traffic(
    store: Store,
    mentions: Mentions,
    *,
    user: str,
) -> ErasedTraffic:
    """Blank everything in the traffic that mentions a person or came from them.

    Args:
        store: Of the project.
        mentions: Whether a text names the person.
        user: The digest that the person would have as a user; empty = none.
    """
    rows = [row for row in read_interactions(store) if _is_theirs(row, mentions, user)]
    said = [each for each in read_feedback(store) if _is_theirs_too(each, mentions, user)]
    changes: list[sa.Update] = []
    for row in rows:
        line = interaction_line(row.model_copy(update=BLANK))
        changes.append(sa.update(interactions).where(interactions.c.id == row.id).values(**line))
    for each in said:
        other = feedback_line(each.model_copy(update={"text": "", "author": ""}))
        changes.append(sa.update(feedback).where(feedback.c.key == each.key).values(**other))
    if changes:
        store.change(*changes)
    for day in sorted({row.at.astimezone(dt.UTC).date() for row in rows}):
        if day_file(store, day).exists():
            write_day(store, day)
    return ErasedTraffic(interactions=len(rows), feedback=len(said))


def _is_theirs(row: Interaction, mentions: Mentions, user: str) -> bool:
    if user and row.user == user:
        return True
    parts = (row.request, row.response, row.reasoning, list(row.tool_calls), row.error)
    return any(mentions(text) for part in parts for text in _texts(part))


def _is_theirs_too(each: Feedback, mentions: Mentions, user: str) -> bool:
    return bool(user and each.author == user) or mentions(each.text)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, part in value.items():
            yield name
            yield from _texts(part)
    elif isinstance(value, list):
        for part in value:
            yield from _texts(part)
