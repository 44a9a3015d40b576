"""Families: rows that must stay on one side of every cut, closed transitively."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tunewell.similar import (
    THRESHOLD,
    Links,
    Pairs,
    alike,
    copies,
    key,
    near_pairs,
    split_words,
)
from tunewell.similar.conversations import (
    ComparedRow,
    conversations_of,
    inputs_of,
    targets_of,
    whole_texts,
)
from tunewell.types import Example

FEW = 3
"""Inputs of fewer words ("hello there") do not make rows a family by themselves.

Equal answers are asked for too.
"""


def families(examples: Sequence[Example]) -> list[list[int]]:
    """Positions of the rows of each family, in the order of their first members.

    Rows are linked when they have the same group, are parent and child or children of one parent,
    have the same input, or are near-duplicates (verified pair by pair, as whole rows or by their
    inputs).

    Example:
        >>> from tunewell.types import Message
        >>> ok = Message(role="assistant", content="ok")
        >>> rows = [Example(id=i, group=g, messages=(Message(role="user", content=t), ok))
        ...         for i, g, t in [("a", "p1", "one two three"), ("b", "p1", "four five six"),
        ...                         ("c", "", "Four, five, six!"), ("d", "", "seven")]]
        >>> families(rows)
        [[0, 1, 2], [3]]
    """
    rows = conversations_of(examples)
    links = Links(len(rows))
    links.join_equal([row.group for row in rows])
    links.join_equal([row.parent for row in rows])
    links.join_pairs(_parents_and_children(rows))
    links.join_equal([_input_key(row) for row in rows])
    links.join_pairs(near(rows).positions())
    return links.groups()


def _parents_and_children(rows: Sequence[ComparedRow]) -> Iterator[tuple[int, int]]:
    position = {row.id: i for i, row in enumerate(rows)}
    for i, row in enumerate(rows):
        yield i, position.get(row.parent, i)


def _input_key(row: ComparedRow) -> bytes:
    text = row.input
    if len(text.split()) >= FEW:
        return key(text)
    return key(text, row.target)


def near(rows: Sequence[ComparedRow]) -> Pairs:
    """Pairs of rows that are edited copies of each other, as whole rows or in their inputs.

    Each pair is verified.
    """
    answers = targets_of(rows)
    inputs = split_words(_inputs_or_answers(inputs_of(rows), answers))
    by_input = near_pairs(inputs)
    same = alike(
        inputs,
        by_input.left,
        by_input.right,
        least=THRESHOLD,
    )
    long_enough = inputs.lengths[by_input.left] >= FEW

    whole = split_words(whole_texts(rows))
    by_row = near_pairs(whole)
    edited = copies(inputs, split_words(answers), whole, by_row)
    return by_input.where(same & long_enough).followed_by(by_row.where(edited))


def _inputs_or_answers(asked: Sequence[str], answers: Sequence[str]) -> list[str]:
    """The input of each row, the answer of one without an input."""
    texts = []
    for text, answer in zip(asked, answers, strict=True):
        texts.append(text if text.strip() else answer)
    return texts
