"""Which shape a record has, by the columns that hold something."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tunewell.curate.reading.choices import is_choice
from tunewell.curate.reading.columns import Columns, Misfit, has_value, plain_key, structure
from tunewell.curate.reading.judged import pair_of
from tunewell.curate.reading.known_columns import (
    ANSWERS,
    ASKED,
    CLASSED,
    CLASSES,
    LATER_ANSWERS,
    TURNS,
)
from tunewell.curate.reading.rendered import parse_rendered
from tunewell.curate.reading.turns import ROLES
from tunewell.task import DataSource, Format


def asked_column(record: Columns) -> str | None:
    """The column of the question."""
    name = record.first(ASKED)
    if name == "source" and "target" not in record:
        return None
    return name


def detect(record: Columns, source: DataSource) -> Format:
    """How a record looks.

    Example:
        >>> record = Columns({"instruction": "Sum up", "input": "…", "output": "…"})
        >>> detect(record, DataSource(path="x"))
        'alpaca'
    """
    fields = source.fields
    if source.format != "auto":
        return source.format
    if fields.messages:
        return "messages"
    if any((fields.input, source.template, fields.choices, fields.rejected)):
        return "fields"
    if pair_of(record) is not None:
        return "preference"
    name = turns_column(record, TURNS)
    if name is not None:
        return "sharegpt" if is_sharegpt(structure(record[name])) else "messages"
    if rendered_column(record, source) is not None:
        return "rendered"
    return _format_of_columns(record, source)


def _format_of_columns(record: Columns, source: DataSource) -> Format:
    if is_choice(record):
        return "choices"
    asked = asked_column(record)
    target = source.fields.target
    if target:
        return "text" if asked in (None, target) else "prompt_completion"
    if asked is not None and _is_answered(record, asked):
        return "alpaca" if asked == "instruction" else "prompt_completion"
    _refuse_lone_turn(record)
    if "text" in record:
        return "text"
    return "prompt_completion" if asked is not None and asked in _ALONE else "fields"


def _is_answered(record: Columns, asked: str) -> bool:
    """Whether a column of the answer, or of the class, stands beside the question."""
    others = [name for name in (*ANSWERS, *LATER_ANSWERS) if name != asked]
    if record.first(others) is not None:
        return True
    return asked in CLASSED and record.first(CLASSES) is not None


def _refuse_lone_turn(record: Columns) -> None:
    """Refuse a record that is one turn of a chat: a question would be learned as an answer."""
    for name in ("role", "from", "speaker", "author", "sender"):
        said = record.get(name)
        if isinstance(said, str) and plain_key(said) in ROLES:
            raise Misfit(
                f"the row is one turn of a chat ({name}: {said[:40]!r}), not a chat",
                "each line must hold a whole chat: put the turns in a list under 'messages'",
            )


_ALONE = frozenset({"instruction", "prompt", "question", "query"})
"""A question column without any answer: what is missing can be said."""


def turns_column(record: Columns, names: Sequence[str]) -> str | None:
    """The first column that holds turns; ``messages`` may be empty."""
    for name in names:
        if name not in record or (name == "data" and len(record) > 2):
            continue
        if _holds_turns(structure(record[name])):
            return name
    if "messages" not in names or record.get("messages") != []:
        return None
    return "messages" if asked_column(record) is None else None


def _holds_turns(value: Any) -> bool:
    if isinstance(value, Mapping) and "messages" in value:
        return True
    return isinstance(value, list | Mapping) and has_value(value) and are_turns(value)


_TURN_KEYS = frozenset(
    "role from speaker author sender content value text message parts type user assistant human "
    "input output question answer prompt response bot gpt".split()
)


def are_turns(value: Any) -> bool:
    """Whether a list (or an object of columns) holds turns."""
    if isinstance(value, Mapping):
        keys = {plain_key(key) for key in value}
        return len(keys & {"role", "from", "content", "value"}) == 2 or "messages" in keys
    if not isinstance(value, list) or not value:
        return False
    first = structure(value[0])
    if isinstance(first, Mapping):
        return not _TURN_KEYS.isdisjoint(map(plain_key, first))
    if isinstance(first, list):
        return len(first) == 2 and _are_texts(first)
    return len(value) > 1 and _are_texts(value)


def _are_texts(values: Sequence[Any]) -> bool:
    return all(isinstance(each, str) for each in values)


_SPEAKERS = frozenset({"role", "from", "speaker", "author", "sender"})


def say_who_speaks(value: Any) -> bool:
    """Whether a list holds turns that name their speaker: texts alone may be several answers."""
    if not isinstance(value, list) or not value:
        return False
    return all(map(_says_who_speaks, map(structure, value)))


def _says_who_speaks(turn: Any) -> bool:
    if not isinstance(turn, Mapping):
        return False
    return not _SPEAKERS.isdisjoint(map(plain_key, turn)) or turn.get("type") in ROLES


def is_sharegpt(turns: Any) -> bool:
    """Whether turns say ``from`` for their role."""
    return (
        bool(turns)
        and isinstance(turns, list)
        and isinstance(turns[0], dict)
        and "from" in turns[0]
    )


def rendered_column(record: Columns, source: DataSource) -> str | None:
    """A column that holds a rendered chat."""
    if "segments" in record and _are_segments(structure(record["segments"])):
        return "segments"
    for name in ("chat", "conversation", "conversations", "messages", "dialogue", "dialog"):
        value = record.get(name)
        if isinstance(value, str) and parse_rendered(value):
            return name
    if source.format == "rendered":
        return record.first(("text", "prompt", "input", "content"))
    return None


def _are_segments(value: Any) -> bool:
    if not isinstance(value, list) or not value:
        return False
    return all(isinstance(part, Mapping) and "text" in part for part in value)
