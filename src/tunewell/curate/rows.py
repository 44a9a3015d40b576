"""A row on its way through curation, and what could not be read as one."""

from __future__ import annotations

import datetime as dt
from collections.abc import (
    Iterable,
    Mapping,
    Sequence,
)
from dataclasses import dataclass, field
from typing import cast

from tunewell.similar.conversations import (
    has_target,
    input_of,
    target_of,
)
from tunewell.types import (
    Example,
    Message,
    Origin,
    Role,
)

_FIELDS = frozenset({"source", "kind", "group", "parent", "id"})
"""Fields that are text as they are."""


@dataclass(slots=True)
class InputRow:
    """One input row. Steps change it in place; the ledger keeps what they did.

    Attributes:
        id: The user's own id, else ``file:line``.
        place: ``file:line``.
        turns: (role, content) in order.
        held: Whether it belongs to the project's own test set.
        dropped: Whether a step has dropped it.
        format: How the user's record looked.
        origin: ``source``, or ``correction`` where a person wrote the answer.
    """

    id: str
    place: str
    turns: list[tuple[str, str]]
    source: str = ""
    kind: str = ""
    date: dt.date | None = None
    group: str = ""
    parent: str = ""
    tags: dict[str, str] = field(default_factory=dict)
    held: bool = False
    dropped: bool = False
    format: str = ""
    origin: Origin = "source"

    @property
    def target(self) -> str:
        """The last turn if it is the assistant's, else empty."""
        return target_of(self.turns)

    @property
    def input(self) -> str:
        """The turns before the target without system turns, joined by blank lines."""
        return input_of(self.turns)

    @property
    def gist(self) -> str:
        """What a comparison by meaning looks at: the input, the target where there is none."""
        return self.input or self.target

    @property
    def whole(self) -> str:
        """Input and target, a line each."""
        return f"{self.input}\n{self.target}"

    @property
    def roles(self) -> list[str]:
        """The role of each turn."""
        return [role for role, _ in self.turns]

    @property
    def texts(self) -> list[str]:
        """The text of each turn."""
        return [text for _, text in self.turns]

    @property
    def trains(self) -> bool:
        """Whether it is still there and may be trained on."""
        return not self.dropped and not self.held

    @property
    def has_system(self) -> bool:
        """Whether it begins with a system turn."""
        return len(self.turns) > 0 and self.turns[0][0] == "system"

    def set_texts(self, texts: Sequence[str]) -> None:
        """Put other texts in the turns, one for each."""
        self.turns = list(zip(self.roles, texts, strict=True))

    def answered(self, target: str) -> list[tuple[str, str]]:
        """The turns with another target."""
        asked = self.turns[:-1] if has_target(self.turns) else self.turns
        return [*asked, ("assistant", target)]

    def field(self, name: str) -> str:
        """As `tunewell.types.Example.field`."""
        name = name.removeprefix("tags.")
        if name in _FIELDS:
            return str(getattr(self, name))
        if name == "date":
            return self.date.isoformat() if self.date else ""
        return self.tags.get(name, "")

    def example(self) -> Example:
        """The row as a noun."""
        messages = []
        for role, text in self.turns:
            message = Message.model_construct(role=cast("Role", role), content=text)
            messages.append(message)
        return Example.model_construct(
            id=self.id,
            messages=tuple(messages),
            source=self.source,
            kind=self.kind,
            date=self.date,
            group=self.group,
            parent=self.parent,
            origin=self.origin,
            tags=self.tags,
        )


Families = list[list[InputRow]]
"""Rows that belong together, the first of each the one that the others are held against."""


@dataclass(frozen=True, slots=True)
class Reject:
    """Something in a file that could not be read as a row.

    Attributes:
        place: ``file:line``.
        why: The rule that it breaks.
        evidence: The first characters of it.
    """

    place: str
    why: str
    evidence: str = ""


def ids_of(rows: Iterable[InputRow]) -> tuple[str, ...]:
    """The id of each row."""
    return tuple(row.id for row in rows)


def gists_of(rows: Iterable[InputRow]) -> list[str]:
    """What a comparison by meaning looks at in each row."""
    return [row.gist for row in rows]


def dropped_of(rows: Iterable[InputRow]) -> list[InputRow]:
    """The rows that a step has dropped."""
    return [row for row in rows if row.dropped]


def training_of(rows: Iterable[InputRow]) -> list[InputRow]:
    """The rows that are still there and may be trained on."""
    return [row for row in rows if row.trains]


def tests_of(rows: Iterable[InputRow]) -> list[InputRow]:
    """The rows of the project's own test set that are still there."""
    return [row for row in rows if row.held and not row.dropped]


def members_of(families: Iterable[Sequence[InputRow]], *, but: int = 0) -> list[InputRow]:
    """The rows of all families, but for the first so many of each."""
    return [row for family in families for row in family[but:]]


def counted(kinds: Mapping[str, int]) -> str:
    """Kinds with how many there are of each, in the order given: ``3 email, 1 phone``."""
    return ", ".join(f"{n} {kind}" for kind, n in kinds.items())


def newest_of(rows: Sequence[InputRow]) -> InputRow:
    """The row with the newest date, undated ones last; of several the first."""
    return max(rows, key=lambda row: row.date or dt.date.min)


def clip(text: str, most: int = 160) -> str:
    r"""One line of at most ``most`` characters that any store can hold.

    Example:
        >>> clip("a\nb"), clip("x" * 9, 4)
        ('a b', 'xxx…')
    """
    if len(text) > 4 * most:
        text = text[: 4 * most]
    text = " ".join(text.split())
    if len(text) > most:
        text = text[: most - 1] + "…"
    if text.isascii():
        return text
    return text.encode("utf-8", "replace").decode("utf-8")
