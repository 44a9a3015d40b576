"""A row as a conversation: what of it is compared, whatever noun it comes from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from tunewell.types import Example

Turn = tuple[str, str]
"""Role and text."""


class ComparedRow(Protocol):
    """What a row must say of itself to be compared: `Conversation` does, and a row in curation."""

    @property
    def id(self) -> str:
        """Its name."""

    @property
    def turns(self) -> Sequence[Turn]:
        """Role and text of each turn, in order."""

    @property
    def input(self) -> str:
        """See `input_of`."""

    @property
    def target(self) -> str:
        """See `target_of`."""

    @property
    def group(self) -> str:
        """Document, conversation or patient; empty if unknown."""

    @property
    def parent(self) -> str:
        """Id of the row that it was made from; empty if there is none."""


@dataclass(frozen=True, slots=True)
class Conversation:
    """A row that is compared.

    Attributes:
        id: Its name.
        turns: Role and text of each turn, in order.
        group: Document, conversation or patient.
        parent: Id of the row that it was made from.
    """

    id: str
    turns: tuple[Turn, ...]
    group: str = ""
    parent: str = ""

    @property
    def input(self) -> str:
        """See `input_of`."""
        return input_of(self.turns)

    @property
    def target(self) -> str:
        """See `target_of`."""
        return target_of(self.turns)

    @property
    def texts(self) -> list[str]:
        """The text of each turn."""
        return [text for _, text in self.turns]

    @classmethod
    def of(cls, example: Example) -> Conversation:
        """What is compared of an Example.

        Example:
            >>> from tunewell.types import Message
            >>> example = Example(id="a", messages=(Message(role="user", content="Why?"),))
            >>> Conversation.of(example).input
            'Why?'
        """
        return cls(
            id=example.id,
            turns=tuple((message.role, message.text) for message in example.messages),
            group=example.group,
            parent=example.parent,
        )


def has_target(turns: Sequence[Turn]) -> bool:
    """Whether the last turn is the assistant's."""
    return len(turns) > 0 and turns[-1][0] == "assistant"


def target_of(turns: Sequence[Turn]) -> str:
    """The last turn if it is the assistant's, else empty."""
    if has_target(turns):
        return turns[-1][1]
    return ""


def input_of(turns: Sequence[Turn]) -> str:
    """The turns before the target without system turns, joined by blank lines.

    Example:
        >>> input_of([("system", "Be brief."), ("user", "Why?"), ("assistant", "So.")])
        'Why?'
    """
    before = turns[:-1] if has_target(turns) else turns
    return "\n\n".join(text for role, text in before if role != "system")


def asked_of(row: ComparedRow) -> str:
    r"""Everything that the model is asked: tools, system turns and all turns before the target.

    Of a row of one turn, its text. As `tunewell.types.Example.asked`.

    Example:
        >>> turns = (("system", "Be brief."), ("user", "Why?"), ("assistant", "So."))
        >>> asked_of(Conversation("a", turns))
        'Be brief.\n\nWhy?'
    """
    tools = str(getattr(row, "tools", "") or "")
    turns = row.turns
    if len(turns) > 1 and has_target(turns):
        turns = turns[:-1]
    return "\n\n".join([*filter(None, [tools]), *(text for _, text in turns)])


def what_is_asked(row: ComparedRow) -> str:
    """All that a row asks; nothing where it is a text and no question."""
    text = asked_of(row)
    return "" if len(row.turns) == 1 and text == row.target else text


def conversations_of(examples: Iterable[Example]) -> list[Conversation]:
    """What is compared of each Example."""
    return [Conversation.of(example) for example in examples]


def inputs_of(rows: Sequence[ComparedRow]) -> list[str]:
    """The input of each row."""
    return [row.input for row in rows]


def targets_of(rows: Sequence[ComparedRow]) -> list[str]:
    """The target of each row."""
    return [row.target for row in rows]


def questions_of(rows: Sequence[ComparedRow]) -> list[str]:
    """The input of each row; of a row of one turn, its text."""
    return [row.input if len(row.turns) > 1 else row.target for row in rows]


def whole_texts(rows: Sequence[ComparedRow]) -> list[str]:
    """Input and target of each row, a line each."""
    return [f"{row.input}\n{row.target}" for row in rows]
