"""Families: rows that must stay on one side of every cut, closed transitively."""

from __future__ import annotations

from collections.abc import Sequence

from tunewell.similar import THRESHOLD, Links, alike, by_key, copies, key, near_pairs, split_words
from tunewell.types import Example

FEW = 3
"""Inputs of fewer words ("hello there") do not make rows a family by themselves; equal answers are asked for too."""


def families(examples: Sequence[Example]) -> list[list[int]]:
    """Positions of the rows of each family, in the order of their first members.

    Rows are linked when they have the same group, are parent and child or children of one parent,
    have the same input, or are near-duplicates (verified pair by pair, as whole rows or by their
    inputs).

    Example:
        >>> from tunewell.types import Message
        >>> rows = [Example(id=i, group=g, messages=(Message(role="user", content=t), Message(role="assistant",
        ...         content="ok"))) for i, g, t in [("a", "p1", "one two three"), ("b", "p1", "four five six"),
        ...                                         ("c", "", "Four, five, six!"), ("d", "", "seven")]]
        >>> families(rows)
        [[0, 1, 2], [3]]
    """
    links = Links(len(examples))
    position = {example.id: i for i, example in enumerate(examples)}
    for members in by_key([e.group if e.group else f"\x00{i}" for i, e in enumerate(examples)]):
        links.join_all(members)
    for members in by_key([e.parent if e.parent else f"\x00{i}" for i, e in enumerate(examples)]):
        links.join_all(members)
    for i, example in enumerate(examples):
        if example.parent in position:
            links.join(i, position[example.parent])
    asked = [example.input for example in examples]
    answers = [example.target for example in examples]
    same = [
        key(text) if len(text.split()) >= FEW else key(text, answer)
        for text, answer in zip(asked, answers, strict=True)
    ]
    for members in by_key(same):
        links.join_all(members)
    for i, j in near(asked, answers):
        links.join(i, j)
    return links.groups()


def near(asked: Sequence[str], answers: Sequence[str]) -> list[tuple[int, int]]:
    """Verified pairs of rows that are edited copies of each other, as whole rows or in their inputs."""
    inputs = split_words(
        [text if text.strip() else answer for text, answer in zip(asked, answers, strict=True)]
    )
    found = near_pairs(inputs)
    keep = alike(inputs, found.left, found.right, least=THRESHOLD) & (
        inputs.lengths[found.left] >= FEW
    )
    pairs = list(zip(found.left[keep].tolist(), found.right[keep].tolist(), strict=True))
    whole = split_words([f"{a}\n{b}" for a, b in zip(asked, answers, strict=True)])
    found = near_pairs(whole)
    keep = copies(inputs, split_words(answers), whole, found)
    return [*pairs, *zip(found.left[keep].tolist(), found.right[keep].tolist(), strict=True)]
