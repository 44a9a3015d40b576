"""How a record becomes a conversation.

OpenAI messages, ShareGPT, Alpaca, prompt and completion, plain text, or columns that the user names.
"""

from __future__ import annotations

import datetime as dt
import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tunewell.curate.dates import as_date
from tunewell.curate.rows import InputRow, clip
from tunewell.task import DataSource, FieldMap, Format

ROLES = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "human": "user",
    "prompter": "user",
    "customer": "user",
    "assistant": "assistant",
    "gpt": "assistant",
    "bot": "assistant",
    "model": "assistant",
    "chatgpt": "assistant",
    "agent": "assistant",
    "ai": "assistant",
    "tool": "tool",
    "function": "tool",
    "observation": "tool",
}
"""Names of roles in the wild, and ours."""

_TURNS = ("messages", "conversations", "conversation", "turns", "dialogue")
_PAIRS = (
    ("prompt", "completion"),
    ("prompt", "response"),
    ("question", "answer"),
    ("input", "output"),
    ("query", "response"),
    ("input", "target"),
    ("source", "target"),
    ("document", "summary"),
    ("dialogue", "section_text"),
    ("original_text", "reference_summary"),
    ("context", "response"),
    ("text", "label"),
    ("text", "category"),
)

_CONTENT = ("content", "value", "text")
"""Keys of a turn that hold what was said."""

_CALLS = ("tool_calls", "function_call")

_DATES = (
    "date",
    "created",
    "created_at",
    "timestamp",
    "published",
    "published_at",
    "updated_at",
)

_GROUPS = (
    "document_id",
    "doc_id",
    "document_name",
    "conversation_id",
    "dialogue_id",
    "session_id",
    "thread_id",
    "patient_id",
    "parent_document",
    "doc",
)
"""Columns that say which rows belong together, where the project names none."""

Columns = Mapping[str, Any]
"""A record: the user's columns."""

Turns = list[tuple[str, str]]


class Misfit(ValueError):
    """A record that cannot become a row; the message says which rule it breaks."""


def detect(record: Columns, source: DataSource) -> Format:
    """How a record looks.

    Example:
        >>> record = {"instruction": "Sum up", "input": "…", "output": "…"}
        >>> detect(record, DataSource(path="x"))
        'alpaca'
    """
    if source.format != "auto":
        return source.format
    if source.fields.input or source.fields.target or source.template:
        return "fields"
    for name in _TURNS:
        turns = record.get(name)
        if isinstance(turns, list) and (turns or name == "messages"):
            return "sharegpt" if _is_sharegpt(turns) else "messages"
    if "instruction" in record and not record.keys().isdisjoint(("output", "response")):
        return "alpaca"
    if _pair(record):
        return "prompt_completion"
    return "text" if "text" in record else "fields"


def _is_sharegpt(turns: list[Any]) -> bool:
    """Whether turns say ``from`` for their role."""
    return len(turns) > 0 and isinstance(turns[0], dict) and "from" in turns[0]


def _pair(record: Columns) -> tuple[str, str] | None:
    """The first known pair of columns that the record has."""
    for pair in _PAIRS:
        if pair[0] in record and pair[1] in record:
            return pair
    return None


def row_of(
    record: Columns,
    source: DataSource,
    *,
    place: str,
    name: str,
    own_id: str = "",
) -> InputRow:
    """Make a row of a record.

    Args:
        record: The user's columns.
        source: How to read them.
        place: ``file:line``.
        name: Name of the source, for rows that carry none.
        own_id: The user's own key of the record, if it stands outside of it.

    Raises:
        Misfit: The record cannot become a row.
    """
    form = detect(record, source)
    if isinstance(record.get("metadata"), dict):  # a common place for what is known of a row
        record = {**record["metadata"], **record}
    turns = _READERS[form](record, source)

    known = _KnownOfRow(record, source.fields)
    date = known.date()
    row = InputRow(
        id=known.text("id").strip() or own_id or place,
        place=place,
        turns=turns,
        source=known.text("source") or name,
        kind=known.text("kind") or source.kind,
        date=date,
        group=known.group(look=source.format == "auto"),
        parent=known.text("parent"),
        tags=known.tags(date),
        held=source.role == "test",
        format=form,
    )
    system = known.system()
    if system and not row.has_system:
        row.turns.insert(0, ("system", system))
    return row


@dataclass(frozen=True, slots=True)
class _KnownOfRow:
    """What a record says of its row beside the conversation.

    Attributes:
        record: The user's columns.
        fields: What the user says they are.
    """

    record: Columns
    fields: FieldMap

    def text(self, field: str) -> str:
        """A field, from the user's own column if there is one, else from the one named so."""
        own = getattr(self.fields, field)
        if own:
            return _first(self.record, own, required=field == "id")
        if field in (self.fields.input, self.fields.target):
            return ""
        return as_text(self.record.get(field))

    def system(self) -> str:
        """The system turn."""
        return as_text(self.record.get(self.fields.system or "system"))

    def date(self) -> dt.date | None:
        """The day: of the user's own column, else of the first known one that holds a date."""
        if self.fields.date:
            return as_date(self.record.get(self.fields.date))
        for name in _DATES:
            date = as_date(self.record.get(name))
            if date is not None:
                return date
        return None

    def group(self, *, look: bool) -> str:
        """The group; where the user names no column, of the first known one if so wanted."""
        named = self.text("group")
        if named or self.fields.group or not look:
            return named
        for name in _GROUPS:
            text = as_text(self.record.get(name))
            if text.strip():
                return f"{name} {text}"
        return ""

    def tags(self, date: dt.date | None) -> dict[str, str]:
        """The columns that the user wants kept, and what stands for a date and is none."""
        tags: dict[str, str] = {}
        for column in self.fields.tags:
            if column in self.record:
                tags[column] = as_text(self.record[column])
        stated = self.text("date")
        if stated and date is None:
            tags["date_text"] = stated
        return {name: value for name, value in tags.items() if value}


def _first(record: Columns, columns: str, *, required: bool) -> str:
    """The first value that is not empty among columns between bars (``urls | doc``)."""
    names = [columns]
    if columns not in record:
        names = [name.strip() for name in columns.split("|")]
    there = [name for name in names if name in record]
    if required and not there:
        raise Misfit(f"column {columns!r} is missing")
    for name in there:
        text = as_text(record[name])
        if text:
            return text
    return ""


def _messages(record: Columns, _source: DataSource) -> Turns:
    for name in _TURNS:
        turns = record.get(name)
        if isinstance(turns, list):
            return [_turn(turn, i) for i, turn in enumerate(turns)]
    raise Misfit("there is no list of turns in 'messages' or 'conversations'")


def _turn(turn: Any, i: int) -> tuple[str, str]:
    if not isinstance(turn, dict):
        raise Misfit(f"turn {i} is not an object")
    stated = turn.get("role", turn.get("from"))
    role = ROLES.get(str(stated).strip().lower())
    if role is None:
        raise Misfit(f"turn {i} has the unknown role {str(stated)[:40]!r}")
    return role, _content(turn, i)


def _content(turn: dict[str, Any], i: int) -> str:
    """What was said in a turn; of a tool call, the call."""
    if turn.keys().isdisjoint((*_CONTENT, *_CALLS)):
        keys = clip(", ".join(map(str, turn)), 80)
        raise Misfit(f"turn {i} has no content: its keys are {keys}")
    said = [turn[name] for name in _CONTENT if name in turn]
    content = said[0] if said else None
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return _parts(content, i)
    if content is not None:
        raise Misfit(f"the content of turn {i} is {type(content).__name__}, not text")

    calls = turn.get("tool_calls") or turn.get("function_call")
    return json.dumps(calls, ensure_ascii=False, sort_keys=True) if calls else ""


def _parts(parts: list[Any], i: int) -> str:
    texts = []
    for part in parts:
        if isinstance(part, str):
            texts.append(part)
        elif isinstance(part, dict) and isinstance(part.get("text"), str):
            texts.append(part["text"])
        else:
            kind = part.get("type", "?") if isinstance(part, dict) else type(part).__name__
            shown = repr(str(kind)[:40])
            raise Misfit(f"turn {i} holds a part of type {shown}; only text can be trained on")
    return "\n".join(texts)


def _alpaca(record: Columns, _source: DataSource) -> Turns:
    asked = [as_text(record.get("instruction")), as_text(record.get("input"))]
    answer = record["output"] if "output" in record else record.get("response")
    return [
        ("user", "\n\n".join(filter(None, asked))),
        ("assistant", as_text(answer)),
    ]


def _prompt_completion(record: Columns, source: DataSource) -> Turns:
    pair = _pair(record)
    if pair is None:
        raise Misfit("there is no pair of columns such as prompt and completion")
    prompt, answer = record[pair[0]], record[pair[1]]
    if not isinstance(prompt, list):
        return [("user", as_text(prompt)), ("assistant", as_text(answer))]

    # Both sides are lists of turns.
    if not isinstance(answer, list):
        answer = [{"role": "assistant", "content": as_text(answer)}]
    return _messages({"messages": [*prompt, *answer]}, source)


def _fields(record: Columns, source: DataSource) -> Turns:
    fields = source.fields
    if not fields.input and not source.template:
        names = ", ".join(sorted(map(str, record))[:8])
        raise Misfit(f"no known format: columns {names} (name yours in data.fields)")
    for column in filter(None, (fields.input, fields.target)):
        if column not in record:
            raise Misfit(f"column {column!r} is missing")

    if source.template:
        asked = fill(source.template, record)
    else:
        asked = as_text(record[fields.input])
    turns = [("user", asked)]
    if fields.target:
        turns.append(("assistant", as_text(record[fields.target])))
    return turns


def _text(record: Columns, source: DataSource) -> Turns:
    column = source.fields.target or source.fields.input or "text"
    if column not in record:
        raise Misfit(f"column {column!r} is missing")
    return [("assistant", as_text(record[column]))]


_READERS = {
    "messages": _messages,
    "sharegpt": _messages,
    "alpaca": _alpaca,
    "prompt_completion": _prompt_completion,
    "fields": _fields,
    "text": _text,
}


def fill(template: str, record: Columns) -> str:
    """Put columns into a template; text of the user's is data, never a template itself.

    Example:
        >>> fill("Q: {question}", {"question": "{0.__class__}"})
        'Q: {0.__class__}'
    """

    def value(match: re.Match[str]) -> str:
        if match[1] not in record:
            raise Misfit(f"column {match[1]!r} of the template is missing")
        return as_text(record[match[1]])

    return re.sub(r"\{([^{}]*)\}", value, template)


def as_text(value: Any) -> str:
    """A value as text; None and NaN are empty.

    Example:
        >>> as_text(3.0), as_text(None), as_text(True), as_text(["a"])
        ('3.0', '', 'true', '["a"]')
    """
    if isinstance(value, str):
        return value
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dt.date):
        return value.isoformat()
    if isinstance(value, (list, dict, tuple)):
        return json.dumps(value, ensure_ascii=False, sort_keys=True, default=str)
    return str(value)
