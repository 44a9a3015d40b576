"""Which turns of a conversation are learned and answered, and each of them as a row of its own."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Literal

from tunewell.types.rows import Example

Turns = Literal["all", "last"]

Preferences = Literal["leave_out", "chosen"]

MARK: Final = "#"
"""Between the id of a conversation and the number of the learned turn: ``row#2``."""


def learned_places(example: Example, turns: Turns = "all") -> tuple[int, ...]:
    """Places of the turns that are targets: learned, and not blank.

    Args:
        example: The row; one whose answer people called bad has no target.
        turns: ``last``: only the last turn of the row, if it is a target.

    Example:
        >>> from tunewell.types.rows import Message
        >>> said = [("user", "a"), ("assistant", "b"), ("user", "c"), ("assistant", "d")]
        >>> row = Example(id="1", messages=tuple(Message(role=r, content=c) for r, c in said))
        >>> learned_places(row), learned_places(row, "last")
        ((1, 3), (3,))
    """
    places = tuple(p for p in example.targets if example.messages[p].text.strip())
    if turns == "all":
        return places
    return tuple(place for place in places if place == len(example.messages) - 1)


def target_id(example: Example, number: int, count: int) -> str:
    """The id of a learned turn: the row's own where it has one such turn, else ``row#2``.

    Args:
        example: The row.
        number: 1 for the first learned turn.
        count: How many learned turns the row has.

    Example:
        >>> row = Example(id="chat-7", messages=())
        >>> target_id(row, 1, 1), target_id(row, 2, 4)
        ('chat-7', 'chat-7#2')
    """
    return example.id if count == 1 else f"{example.id}{MARK}{number}"


def conversation_id(target: str) -> str:
    """The id of the row that a `target_id` belongs to; an id without a number as it is.

    Example:
        >>> conversation_id("chat-7#2"), conversation_id("chat-7"), conversation_id("room#b")
        ('chat-7', 'chat-7', 'room#b')
    """
    row, mark, number = target.rpartition(MARK)
    return row if mark and row and number.isdecimal() else target


def each_target(examples: Iterable[Example], turns: Turns = "all") -> list[Example]:
    """Every learned turn as a row that ends in it, behind its true history.

    Turns of one conversation are one group: the conversation's, or the conversation itself. Rows
    with a single target at their end are given back as they are; rows without a target are not
    among the result.
    """
    found = []
    for example in examples:
        places = learned_places(example, turns)
        for number, place in enumerate(places, 1):
            found.append(_ending_at(example, place, target_id(example, number, len(places))))
    return found


def _ending_at(example: Example, place: int, id: str) -> Example:
    if id == example.id and place == len(example.messages) - 1:
        return example
    group = example.group or example.id
    return example.up_to(place).model_copy(update={"id": id, "group": group})


def with_conversations(ids: Iterable[str]) -> list[str]:
    """Ids of rows or of their turns, and those of the rows behind them: what is to be looked up."""
    wanted = list(ids)
    return sorted({*wanted, *map(conversation_id, wanted)})


def named(examples: Iterable[Example], ids: Iterable[str]) -> list[Example]:
    """The rows, or turns of rows, of these ids, in the order of the examples."""
    wanted = set(ids)
    found: dict[str, Example] = {}
    for example in examples:
        for row in (example, *each_target([example])):
            if row.id in wanted:
                found.setdefault(row.id, row)
    return list(found.values())
