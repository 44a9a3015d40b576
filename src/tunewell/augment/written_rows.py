"""The row in what a generator said, whatever stands around it.

Servers that ignore the form that was asked for put fences around it, think aloud before it, repeat
the example, wrap it in another object or write several. What was written last counts: drafts come
before what they are drafts of.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from tunewell.augment.prompts import is_one_question, questions
from tunewell.checks.broken.refusals import refusal
from tunewell.json_text import next_json, parse_json
from tunewell.model.chat import valid_text
from tunewell.types import Example, Message

_REF = re.compile(r"r[0-9a-f]{10}")
_MOST_CHARACTERS: Final = 400_000
_MOST_TRIED: Final = 400
"""Brackets of a reply at which an object may begin."""

_DECODER: Final = json.JSONDecoder(strict=False)

Values = Mapping[str, Any]


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
        audio: Digest of the recording that a rule made of the parent's; empty in a written row.
        kind: Of the row, where it is not its parent's.
    """

    turns: tuple[str, ...]
    target: str
    audio: str = ""
    kind: str = ""


def row_in(
    text: str,
    ref: str,
    parent: Example,
) -> WrittenRow:
    """The row that a reply holds.

    Args:
        text: What the generator said.
        ref: Names the request; a row with the name of another one is not taken.
        parent: Tells how many turns a row has, and whether its answer is JSON.

    Raises:
        ReplyError: There is none.
    """
    objects = list(_objects(_unquoted(text[:_MOST_CHARACTERS])))
    if not objects:
        said, _ = refusal(text)
        raise ReplyError("refused" if said else "no JSON", text[:200])
    others = ""
    # What is wrapped in another object is looked at only where that one is no row: a reply that
    # repeats the request holds the example.
    for found in (objects, [inner for each in objects for inner in _wrapped(each)]):
        for values in reversed(found):
            row = _row(values, parent)
            if row is None:
                continue
            said_ref = str(values.get("ref", ""))
            if said_ref == ref or not _REF.fullmatch(said_ref):
                return row
            others = others or said_ref
    if others:
        raise ReplyError("answer to another request", others)
    raise ReplyError("keys are missing", ", ".join(map(str, list(objects[-1])[:8])))


def _unquoted(text: str) -> str:
    """A reply that is one JSON string, with what that holds."""
    bare = text.strip()
    if not bare.startswith('"'):
        return text
    try:
        held = parse_json(bare, strict=False)
    except ValueError:
        return text
    return held if isinstance(held, str) else text


def _objects(text: str) -> Iterator[Values]:
    """The JSON objects of a text, in their order."""
    start = text.find("{")
    for _ in range(_MOST_TRIED):
        if start < 0:
            return
        end = start + 1
        try:
            found, end = next_json(_DECODER, text, start)
        except ValueError:
            found = None
        if isinstance(found, dict):
            yield found
        start = text.find("{", end)


def _wrapped(values: Values) -> Iterator[Values]:
    """Objects in an object, by themselves or in a list."""
    for value in values.values():
        for each in value if isinstance(value, list) else [value]:
            if isinstance(each, dict):
                yield each


def _row(
    values: Values,
    parent: Example,
) -> WrittenRow | None:
    """The row that an object is; None if it is none."""
    target = _as_written(values.get("target"), parent.target)
    asked = questions(parent)
    turns = values.get("turns")
    if is_one_question(parent) and "input" in values:
        turns = [values["input"]]
    if target is None or not isinstance(turns, list) or len(turns) != len(asked):
        return None
    texts = []
    for turn, before in zip(turns, asked, strict=True):
        text = _text_of_turn(turn, before)
        if text is None:
            return None
        texts.append(text)
    return WrittenRow(tuple(texts), target)


def _text_of_turn(
    turn: object,
    before: Message,
) -> str | None:
    """A turn as a text, or as an object with role and text, in which form the example has it."""
    if isinstance(turn, dict):
        if turn.get("role", before.role) != before.role:
            return None
        turn = turn.get("text", turn.get("content"))
    return _as_written(turn, before.content)


def _as_written(
    value: object,
    before: str,
) -> str | None:
    """A value as a text; JSON as the parent writes its own, where its text is JSON.

    Example:
        >>> _as_written({"due": 7}, '{"due": 5}'), _as_written(["a"], "plain words")
        ('{"due": 7}', None)
    """
    if value is None:
        return None
    if isinstance(value, str):
        return valid_text(value)
    try:
        own = parse_json(before)
    except ValueError:
        return None
    if isinstance(own, dict | list) != isinstance(value, dict | list):
        return None
    return valid_text(json.dumps(value, ensure_ascii=False, **_style_of(before, own)))


def _style_of(
    text: str,
    value: object,
) -> dict[str, Any]:
    """How a JSON text is laid out, as options of `json.dumps`; plainly if in no usual way."""
    layouts: Sequence[dict[str, Any]] = (
        {},
        {"separators": (",", ":")},
        {"indent": 2},
        {"indent": 4},
        {"indent": "\t"},
    )
    for layout in layouts:
        if json.dumps(value, ensure_ascii=False, **layout) == text.strip():
            return layout
    return {}
