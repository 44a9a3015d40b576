"""How a record becomes a conversation.

OpenAI messages, ShareGPT, Alpaca, prompt and completion, plain text, or columns that the user names.
"""

from __future__ import annotations

import json
import re
from typing import Any

from tunewell.curate.row_fields import (
    Columns,
    Misfit,
    RowFields,
    as_text,
    column_of,
)
from tunewell.curate.rows import InputRow, clip
from tunewell.task import DataSource, Format

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

Turns = list[tuple[str, str]]


def detect(record: Columns, source: DataSource) -> Format:
    """How a record looks.

    Example:
        >>> record = {"instruction": "Sum up", "input": "…", "output": "…"}
        >>> detect(record, DataSource(path="x"))
        'alpaca'
    """
    if source.format != "auto":
        return source.format
    if any((source.fields.input, source.fields.target, source.template)):
        return "fields"
    by_turns = _format_of_turns(record)
    if by_turns is not None:
        return by_turns
    if "instruction" in record and not record.keys().isdisjoint(("output", "response")):
        return "alpaca"
    if _pair(record):
        return "prompt_completion"
    return "text" if "text" in record else "fields"


def _format_of_turns(record: Columns) -> Format | None:
    """The format of a record that holds turns; ``messages`` may be empty."""
    for name in _TURNS:
        turns = record.get(name)
        if isinstance(turns, list) and (turns or name == "messages"):
            return "sharegpt" if _is_sharegpt(turns) else "messages"
    return None


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

    known = RowFields(record, source.fields)
    date = known.date()
    row = InputRow(
        id=known.id(own_id or place),
        place=place,
        turns=turns,
        source=known.text("source", name),
        kind=known.text("kind", source.kind),
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
    content = turn.get("content", turn.get("value", turn.get("text")))
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return _parts(content, i)
    if content is not None:
        raise Misfit(f"the content of turn {i} is {type(content).__name__}, not text")

    calls = turn.get("tool_calls") or turn.get("function_call")
    return json.dumps(calls, ensure_ascii=False, sort_keys=True) if calls else ""


def _parts(parts: list[Any], i: int) -> str:
    return "\n".join(_part(part, i) for part in parts)


def _part(part: Any, i: int) -> str:
    """The text of a part of a turn."""
    if isinstance(part, str):
        return part
    kind = type(part).__name__
    if isinstance(part, dict):
        kind = str(part.get("type", "?"))
        text = part.get("text")
        if isinstance(text, str):
            return text
    raise Misfit(f"turn {i} holds a part of type {kind[:40]!r}; only text can be trained on")


def _alpaca(record: Columns, _source: DataSource) -> Turns:
    asked = [as_text(record.get("instruction")), as_text(record.get("input"))]
    answer = record.get("output", record.get("response"))
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
    named = filter(None, (fields.input, fields.target))
    texts = {column: column_of(record, column) for column in named}
    asked = fill(source.template, record) if source.template else texts[fields.input]
    turns = [("user", asked)]
    if fields.target:
        turns.append(("assistant", texts[fields.target]))
    return turns


def _text(record: Columns, source: DataSource) -> Turns:
    column = source.fields.target or source.fields.input or "text"
    return [("assistant", column_of(record, column))]


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
