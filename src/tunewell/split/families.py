"""Families: rows that must stay on one side of every cut, closed transitively."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tunewell.engine import Engine
from tunewell.similar import (
    THRESHOLD,
    Links,
    Pairs,
    WordTable,
    alike,
    copies,
    key,
    near_pairs,
    split_words,
)
from tunewell.similar.conversations import (
    ComparedRow,
    conversations_of,
    targets_of,
    whole_texts,
)
from tunewell.similar.in_parts import (
    PairJudge,
    RowParts,
    WordParts,
    Workplace,
    near_pairs_in_parts,
)
from tunewell.types import Example

FEW = 3
"""Inputs of fewer words ("hello there") do not make rows a family by themselves.

Equal answers are asked for too.
"""


@dataclass(frozen=True)
class RowFamilies:
    """Families of rows, and how they were told.

    Attributes:
        groups: Positions of the rows of each family.
        by_wording: How many families there would be if rows with similar questions were always of
            one family; fewer than ``groups`` where that would have left too few to divide.
    """

    groups: list[list[int]]
    by_wording: int

    @property
    def is_loosened(self) -> bool:
        """Whether rows with similar questions may be in different families."""
        return self.by_wording < len(self.groups)


def families_to_divide(
    examples: Sequence[Example],
    *,
    fewest: int,
    place: Workplace | None = None,
) -> RowFamilies:
    """The families of rows, enough of them to divide where the rows allow it.

    Templated rows ("The tent of order 7 is torn. …") can be so alike that similar questions chain
    all of them into one family. Where that leaves too few families, similar questions alone no
    longer join rows; edited copies, equal questions, groups, parents and children still do.

    Args:
        examples: The rows.
        fewest: How many families are needed.
        place: Where many rows are compared part by part; in one piece if not given.
    """
    rows = conversations_of(examples)
    similar, edited = (_of_written(pairs, examples) for pairs in _near(rows, place))
    recordings = _recordings(examples)
    joined = _joined(rows, similar, edited, recordings=recordings)
    if len(joined) >= fewest:
        return RowFamilies(joined, len(joined))
    return RowFamilies(_joined(rows, edited, recordings=recordings), len(joined))


def _recordings(examples: Sequence[Example]) -> list[tuple[str, ...]]:
    """Of each tag that curation gives to what is heard together, its value in every row.

    ``recording``: parts and copies of one recording. ``voice``: one person under several names.
    """
    return [
        tuple(example.tags.get(tag, "") if example.audio else "" for example in examples)
        for tag in ("recording", "voice")
    ]


def _of_written(pairs: Pairs, examples: Sequence[Example]) -> Pairs:
    """The pairs of rows that are both written.

    Rows that are heard are not joined by their words: twenty people who read one sentence would be
    one family with all that they read. Speaker, recording and parent join them.
    """
    heard = np.array([len(example.audio) > 0 for example in examples], dtype=np.bool_)
    return pairs.where(~heard[pairs.left] & ~heard[pairs.right])


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
    return families_to_divide(examples, fewest=1).groups


def _joined(
    rows: Sequence[ComparedRow],
    *pairs: Pairs,
    recordings: Sequence[Sequence[str]],
) -> list[list[int]]:
    """The families by groups, recordings, parents and equal inputs, and by these pairs."""
    links = Links(len(rows))
    for values in recordings:
        links.join_equal(values)
    links.join_equal([row.group for row in rows])
    links.join_equal([row.parent for row in rows])
    links.join_pairs(_parents_and_children(rows))
    links.join_equal([_input_key(row) for row in rows])
    for each in pairs:
        links.join_pairs(each.positions())
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


def _near(rows: Sequence[ComparedRow], place: Workplace | None) -> tuple[Pairs, Pairs]:
    """The verified pairs: in one piece, or in parts where there are many rows."""
    if place is None or place.takes_in_one_piece(len(rows)):
        return similar_and_edited(rows)
    with place.scratch() as folder:
        return near_in_parts(place.write(rows, folder / "rows"), folder, place.engine)


def similar_and_edited(rows: Sequence[ComparedRow]) -> tuple[Pairs, Pairs]:
    """Pairs of rows with similar inputs, and pairs that are edited copies as whole rows."""
    inputs, answers, whole = _inputs(rows), _answers(rows), _whole(rows)
    by_input, by_row = near_pairs(inputs), near_pairs(whole)
    same = alike(inputs, by_input.left, by_input.right, least=THRESHOLD)
    long_enough = inputs.lengths[by_input.left] >= FEW
    edited = copies(inputs, answers, whole, by_row)
    return by_input.where(same & long_enough), by_row.where(edited)


def near_in_parts(rows: RowParts, folder: Path, engine: Engine) -> tuple[Pairs, Pairs]:
    """Pairs of similar inputs and pairs of edited copies, the same as in one piece.

    Args:
        rows: The rows.
        folder: A folder of its own, that every worker sees.
        engine: Where the parts are worked on.
    """
    inputs = WordParts.split(rows, folder / "inputs", _inputs, engine)
    answers = WordParts.split(rows, folder / "answers", _answers, engine)
    whole = WordParts.split(rows, folder / "whole", _whole, engine)
    by_input = near_pairs_in_parts(inputs, engine)
    by_row = near_pairs_in_parts(whole, engine)
    judge = PairJudge(folder / "pairs", engine)
    same = judge.alike(by_input, inputs, least=THRESHOLD)
    long_enough = inputs.lengths()[by_input.left] >= FEW
    edited = judge.copies(by_row, inputs, answers, whole)
    return by_input.where(same & long_enough), by_row.where(edited)


def _inputs(rows: Sequence[ComparedRow]) -> WordTable:
    """Words of the input of each row, of the answer of one without an input."""
    texts = []
    for row in rows:
        texts.append(row.input if row.input.strip() else row.target)
    return split_words(texts)


def _answers(rows: Sequence[ComparedRow]) -> WordTable:
    return split_words(targets_of(rows))


def _whole(rows: Sequence[ComparedRow]) -> WordTable:
    return split_words(whole_texts(rows))
