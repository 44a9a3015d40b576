"""How a record becomes a conversation: OpenAI messages, ShareGPT, Alpaca, prompt/completion, own fields."""

from __future__ import annotations

import datetime as dt
import json
import math
import re
from collections.abc import Mapping
from typing import Any

from tunewell.checks.date_columns import read_date
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
_KNOWN = FieldMap(
    id="id",
    kind="kind",
    date="date",
    source="source",
    group="group",
    parent="parent",
    system="system",
)


_DATES = ("date", "created", "created_at", "timestamp", "published", "published_at", "updated_at")


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


class Misfit(ValueError):
    """A record that cannot become a row; the message says which rule it breaks."""


def detect(record: Mapping[str, Any], source: DataSource) -> Format:
    """How a record looks.

    Example:
        >>> detect({"instruction": "Sum up", "input": "…", "output": "…"}, DataSource(path="x"))
        'alpaca'
    """
    if source.format != "auto":
        return source.format
    if source.fields.input or source.fields.target or source.template:
        return "fields"
    names = set(record)
    for name in _TURNS:
        turns = record.get(name)
        if isinstance(turns, list) and (name == "messages" or turns):
            first = turns[0] if turns else {}
            return "sharegpt" if isinstance(first, dict) and "from" in first else "messages"
    if "instruction" in names and names & {"output", "response"}:
        return "alpaca"
    if _pair(record):
        return "prompt_completion"
    return "text" if "text" in names else "fields"


def _pair(record: Mapping[str, Any]) -> tuple[str, str] | None:
    return next((pair for pair in _PAIRS if pair[0] in record and pair[1] in record), None)


def row_of(
    record: Mapping[str, Any], source: DataSource, *, place: str, name: str, own_id: str = ""
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
    fields = source.fields
    if isinstance(record.get("metadata"), dict):  # a common place for what is known of a row
        record = {**record["metadata"], **record}
    turns = _READERS[form](record, source)
    system = as_text(record.get(fields.system or "system"))
    if system and (not turns or turns[0][0] != "system"):
        turns.insert(0, ("system", system))

    def text(field: str) -> str:
        own = getattr(fields, field)
        if own:
            return _first(record, own, required=field == "id")
        known = getattr(_KNOWN, field)
        return as_text(record.get(known)) if known not in (fields.input, fields.target) else ""

    stated = as_text(record.get(fields.date)) if fields.date else _likely_date(record)
    tags = {column: as_text(record[column]) for column in fields.tags if column in record}
    return InputRow(
        id=text("id").strip() or own_id or place,
        place=place,
        turns=turns,
        source=text("source") or name,
        kind=text("kind") or source.kind,
        date=as_date(stated),
        date_said=stated,
        group=text("group")
        or (_likely_group(record) if not fields.group and source.format == "auto" else ""),
        parent=text("parent"),
        tags={k: v for k, v in tags.items() if v},
        held=source.role == "test",
        format=form,
    )


def _first(record: Mapping[str, Any], columns: str, *, required: bool) -> str:
    """The first value that is not empty among columns between bars (``urls | doc``)."""
    names = [columns] if columns in record else [name.strip() for name in columns.split("|")]
    if required and not any(name in record for name in names):
        raise Misfit(f"column {columns!r} is missing")
    return next((text for name in names if (text := as_text(record.get(name)))), "")


def _likely_group(record: Mapping[str, Any]) -> str:
    named = next((name for name in _GROUPS if as_text(record.get(name)).strip()), "")
    return f"{named} {as_text(record[named])}" if named else ""


def _likely_date(record: Mapping[str, Any]) -> str:
    """The first field named like a date that can be read, else the first that says anything."""
    stated = list(filter(None, (as_text(record.get(name)) for name in _DATES)))
    readable = [said for said in stated if as_date(said) is not None]
    return next(iter([*readable, *stated]), "")


def _messages(record: Mapping[str, Any], _source: DataSource) -> list[tuple[str, str]]:
    turns = next((record[name] for name in _TURNS if isinstance(record.get(name), list)), None)
    if turns is None:
        raise Misfit("there is no list of turns in 'messages' or 'conversations'")
    return [_turn(turn, i) for i, turn in enumerate(turns)]


def _turn(turn: Any, i: int) -> tuple[str, str]:
    if not isinstance(turn, dict):
        raise Misfit(f"turn {i} is not an object")
    stated = turn.get("role", turn.get("from"))
    role = ROLES.get(str(stated).strip().lower())
    if role is None:
        raise Misfit(f"turn {i} has the unknown role {str(stated)[:40]!r}")
    content = turn.get("content", turn.get("value", turn.get("text")))
    if turn.keys().isdisjoint(("content", "value", "text", "tool_calls", "function_call")):
        raise Misfit(f"turn {i} has no content: its keys are {clip(', '.join(map(str, turn)), 80)}")
    if isinstance(content, list):
        content = _parts(content, i)
    if content is None and (calls := turn.get("tool_calls") or turn.get("function_call")):
        content = json.dumps(calls, ensure_ascii=False, sort_keys=True)
    if content is not None and not isinstance(content, str):
        raise Misfit(f"the content of turn {i} is {type(content).__name__}, not text")
    return role, content or ""


def _parts(parts: list[Any], i: int) -> str:
    texts = []
    for part in parts:
        if isinstance(part, str):
            texts.append(part)
        elif isinstance(part, dict) and isinstance(part.get("text"), str):
            texts.append(part["text"])
        else:
            kind = part.get("type", "?") if isinstance(part, dict) else type(part).__name__
            raise Misfit(
                f"turn {i} holds a part of type {str(kind)[:40]!r}; only text can be trained on"
            )
    return "\n".join(texts)


def _alpaca(record: Mapping[str, Any], _source: DataSource) -> list[tuple[str, str]]:
    asked = [as_text(record.get("instruction")), as_text(record.get("input"))]
    target = record["output"] if "output" in record else record.get("response")
    return [("user", "\n\n".join(t for t in asked if t)), ("assistant", as_text(target))]


def _prompt_completion(record: Mapping[str, Any], source: DataSource) -> list[tuple[str, str]]:
    pair = _pair(record)
    if pair is None:
        raise Misfit("there is no pair of columns such as prompt and completion")
    prompt = record[pair[0]]
    if isinstance(prompt, list):
        answer = record[pair[1]]
        answers = (
            answer
            if isinstance(answer, list)
            else [{"role": "assistant", "content": as_text(answer)}]
        )
        return _messages({"messages": [*prompt, *answers]}, source)
    return [("user", as_text(prompt)), ("assistant", as_text(record[pair[1]]))]


def _fields(record: Mapping[str, Any], source: DataSource) -> list[tuple[str, str]]:
    fields = source.fields
    if not fields.input and not source.template:
        raise Misfit(
            f"no known format: columns {', '.join(sorted(map(str, record))[:8])} (name yours in data.fields)"
        )
    for column in (fields.input, fields.target):
        if column and column not in record:
            raise Misfit(f"column {column!r} is missing")
    asked = fill(source.template, record) if source.template else as_text(record[fields.input])
    turns = [("user", asked)]
    if fields.target:
        turns.append(("assistant", as_text(record[fields.target])))
    return turns


def _text(record: Mapping[str, Any], source: DataSource) -> list[tuple[str, str]]:
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


def fill(template: str, record: Mapping[str, Any]) -> str:
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
    if isinstance(value, (dt.date, dt.datetime)):
        return value.isoformat()
    if isinstance(value, (list, dict, tuple)):
        return json.dumps(value, ensure_ascii=False, sort_keys=True, default=str)
    return str(value)


def as_date(value: Any) -> dt.date | None:
    """The day of one date field, if it is certain without the others of its column.

    Example:
        >>> as_date("2024-03-01T10:00:00Z"), as_date("1.3.2024"), as_date("03/04/2024")
        (datetime.date(2024, 3, 1), datetime.date(2024, 3, 1), None)
    """
    read = read_date(as_text(value))
    return None if read.note == "order" else read.day
