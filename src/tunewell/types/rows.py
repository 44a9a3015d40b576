"""Rows, what happened to each of them, and the versions of the data that they make up."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from typing import Literal

from pydantic import Field

from tunewell.types.values import Value

Role = Literal["system", "user", "assistant", "tool"]

Origin = Literal["source", "annotation", "augmentation", "correction", "production"]

Action = Literal["kept", "changed", "dropped"]

REFERENCES = "references"
"""The tag that keeps every right answer of a row, as a JSON list: see `references_tag`."""


class Message(Value):
    """One turn of a chat."""

    role: Role
    content: str


class Example(Value):
    """One row: a conversation whose last assistant turn is the target.

    Attributes:
        id: The user's own id where there is one, else ``file:line``.
        messages: The turns in order. ``target`` is the last one if it is the assistant's.
        source: The system or file set that it came from.
        kind: What kind of document it is (bill question, memo, statute …), in the project's own
            words.
        date: The day that the row speaks for, where known.
        group: Document, conversation or patient: rows of one group are never cut by a split.
        parent: The id of the row that this one was made from.
        origin: How it came to be.
        tags: Everything else that is known, as text.
    """

    id: str = Field(min_length=1)
    messages: tuple[Message, ...]
    source: str = ""
    kind: str = ""
    date: dt.date | None = None
    group: str = ""
    parent: str = ""
    origin: Origin = "source"
    tags: Mapping[str, str] = Field(default_factory=dict)

    @property
    def target(self) -> str:
        """What the assistant should answer; empty if the last turn is not the assistant's."""
        return self.messages[-1].content if self._answered else ""

    @property
    def references(self) -> tuple[str, ...]:
        """Every answer that counts as right: the target, then those of the tag `REFERENCES`.

        Example:
            >>> tags = references_tag(["12 May", "May 12th"])
            >>> said = (Message(role="assistant", content="12 May"),)
            >>> Example(id="1", messages=said, tags=tags).references
            ('12 May', 'May 12th')
        """
        more = listed(self.tags.get(REFERENCES, ""))
        return tuple(dict.fromkeys([self.target, *more]))

    @property
    def prompt(self) -> tuple[Message, ...]:
        """The turns before the target."""
        return self.messages[:-1] if self._answered else self.messages

    @property
    def _answered(self) -> bool:
        """Whether the last turn is the assistant's."""
        return bool(self.messages) and self.messages[-1].role == "assistant"

    @property
    def input(self) -> str:
        """The text of all turns but the target and system turns, joined by blank lines.

        Example:
            >>> Example(id="1", messages=(Message(role="user", content="When?"),
            ...                           Message(role="assistant", content="Today."))).input
            'When?'
        """
        return "\n\n".join(m.content for m in self.prompt if m.role != "system")

    def field(self, name: str) -> str:
        """The value of a field by name (``region`` looks into the tags), as text.

        Empty where unknown.
        """
        name = name.removeprefix("tags.")
        if name in {"source", "kind", "group", "parent", "origin", "id"}:
            return str(getattr(self, name))
        if name == "date":
            return self.date.isoformat() if self.date else ""
        return self.tags.get(name, "")


def listed(text: str) -> tuple[str, ...]:
    """The items of a JSON list, as texts; nothing if the text is none.

    Example:
        >>> listed('["a", 5]'), listed("a, b")
        (('a', '5'), ())
    """
    if not text.lstrip().startswith("["):
        return ()
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return ()
    return tuple(item if isinstance(item, str) else json.dumps(item) for item in found)


def references_tag(answers: Sequence[str]) -> dict[str, str]:
    """The tag that keeps several right answers of a row; the first of them is its target.

    Empty with fewer than two: readers add it to a row's tags as it is.
    """
    distinct = list(dict.fromkeys(answers))
    if len(distinct) < 2:
        return {}
    return {REFERENCES: json.dumps(distinct, ensure_ascii=False)}


class Receipt(Value):
    """What one step did to one input row. Every input row has at least one line.

    Attributes:
        row: Id of the row.
        place: Where the row was read, as ``file:line``.
        step: The step of curation, such as ``age``.
        order: 0, 1, 2 … within the row.
        action: ``kept`` (the row's last word when it survived), ``changed`` or ``dropped`` (the
            last word otherwise).
        rule: The rule in words, with its numbers.
        cites: The line of tunewell.yaml that asked for it (``tunewell.yaml:41``), or ``built-in``.
        code: The pitfall (``D06``), empty for ``kept``.
        evidence: What was seen: the date, the span, the length.
        other: The row that it duplicates, leaks from or contradicts.
    """

    row: str
    place: str
    step: str
    order: int
    action: Action
    rule: str
    cites: str = ""
    code: str = ""
    evidence: str = ""
    other: str = ""


class Dataset(Value):
    """A version of the data: Parquet of Examples and of Receipts, both content-addressed.

    Nothing is edited in place.

    Attributes:
        id: Digest of the content (not of the file), 64 hex characters.
        rows: How many Examples.
        examples: Artifact digest of the Parquet of Examples, sorted by id.
        receipts: Artifact digest of the Parquet of Receipts, sorted by (row, order).
        held_out: Ids of rows that the project gave as its test set (role ``test``); they are not
            curated for training.
        read: How many input rows were read, rejects included.
        parent: The version that this one came from.
    """

    id: str
    rows: int
    examples: str
    receipts: str
    held_out: tuple[str, ...] = ()
    read: int = 0
    parent: str = ""


def by_id(examples: Sequence[Example]) -> dict[str, Example]:
    """Examples by their id."""
    return {e.id: e for e in examples}
