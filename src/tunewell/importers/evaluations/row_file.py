"""Rows of an evaluation, written as JSON lines that Tunewell reads without being told how."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from tunewell.importers.plain_values import listed, mapping

NO_GOLD: Final = "(no gold answer)"
"""Stands where a row has checks of its own and no gold answer."""
ROLES: Final = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "human": "user",
    "assistant": "assistant",
    "tool": "tool",
    "function": "tool",
}


@dataclass
class EvalRow:
    """A row to be evaluated on.

    Attributes:
        id: Of the row.
        asked: The turns before the answer, as (role, text).
        answers: Right answers; the first is the target.
        kind: Which evaluation it belongs to.
        tags: Everything else that is known.
    """

    id: str
    asked: Sequence[tuple[str, str]]
    answers: Sequence[str] = ()
    kind: str = ""
    tags: dict[str, str] = field(default_factory=dict)

    def line(self) -> str:
        """The row as a line of JSON."""
        target = self.answers[0] if self.answers else NO_GOLD
        turns = [{"role": role, "content": text} for role, text in self.asked]
        value: dict[str, Any] = {
            "id": self.id,
            "messages": [*turns, {"role": "assistant", "content": target}],
        }
        if len(self.answers) > 1:
            value["references"] = list(self.answers)
        if self.kind:
            value["kind"] = self.kind
        if self.tags:
            value["tags"] = self.tags
        return json.dumps(value, ensure_ascii=False)


def as_lines(rows: Iterable[EvalRow]) -> str:
    """Rows as the text of a file."""
    return "".join(f"{row.line()}\n" for row in rows)


def turns_of(value: Any) -> list[tuple[str, str]]:
    """What is asked, as turns: a text, or messages in the usual forms.

    Example:
        >>> turns_of("When?"), turns_of([{"role": "developer", "content": "Be brief."}])
        ([('user', 'When?')], [('system', 'Be brief.')])
    """
    found = []
    for turn in [value] if isinstance(value, str) else listed(value):
        given = mapping(turn) or {"content": turn}
        role = ROLES.get(str(given.get("role", "user")), "user")
        found.append((role, text_of(given.get("content", ""))))
    return found


def text_of(value: Any) -> str:
    """The text of a turn: itself, its parts joined, or its JSON."""
    if isinstance(value, str):
        return value
    if isinstance(value, Mapping):
        return text_of(value.get("text", value.get("content", "")))
    if isinstance(value, list):
        return "\n".join(filter(None, map(text_of, value)))
    return "" if value is None else json.dumps(value, ensure_ascii=False)


def answers_of(value: Any) -> list[str]:
    """Every right answer that a field gives.

    Example:
        >>> answers_of(["4", "four"]), answers_of(4), answers_of(None)
        (['4', 'four'], ['4'], [])
    """
    if value is None:
        return []
    if isinstance(value, list):
        return [text for each in value for text in answers_of(each)]
    return [value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)]
