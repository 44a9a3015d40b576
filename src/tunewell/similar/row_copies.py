"""Rows that are edited copies of each other, and rows from one template, which are not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tunewell.similar.conversations import (
    ComparedRow,
    inputs_of,
    targets_of,
    whole_texts,
)
from tunewell.similar.edited_copies import copies
from tunewell.similar.near_duplicates import Pairs, near_pairs
from tunewell.similar.templates import template_families, without
from tunewell.similar.union_find import families_of
from tunewell.similar.word_table import split_words


@dataclass(frozen=True)
class RowCopies:
    """What rows have to do with each other; all are positions.

    Attributes:
        pairs: Edited copies (see `tunewell.similar.copies`).
        families: The pairs, closed transitively.
        templates: Families of rows from one template.
    """

    pairs: Pairs
    families: list[list[int]]
    templates: list[list[int]]

    def nearest(self) -> dict[int, tuple[float, int]]:
        """For each row of a pair, its highest similarity and the first row that it has it with."""
        best: dict[int, tuple[float, int]] = {}
        for (i, j), similarity in zip(
            self.pairs.positions(), self.pairs.similarity.tolist(), strict=True
        ):
            for one, other in ((j, i), (i, j)):
                if similarity > best.get(one, (0.0, 0))[0]:
                    best[one] = (similarity, other)
        return best


def find_copies(rows: Sequence[ComparedRow]) -> RowCopies:
    """Edited copies and template families among rows.

    Example:
        >>> from tunewell.similar.conversations import Conversation
        >>> answer = ("assistant", "Send us the form for moving house two weeks before the day.")
        >>> asked = ["How do I move my contract to the new flat?",
        ...          "Now how do I move my contract to the new flat?",
        ...          "Why is my bill so high since the winter began?"]
        >>> rows = [Conversation(text, (("user", text), answer)) for text in asked]
        >>> find_copies(rows).families
        [[0, 1]]
    """
    asked = split_words(inputs_of(rows))
    answers = split_words(targets_of(rows))
    whole = split_words(whole_texts(rows))

    alike = near_pairs(whole)
    templates = template_families(whole, alike)
    edited = copies(asked, answers, whole, alike) & without(alike, templates, len(rows))
    pairs = alike.where(edited)
    return RowCopies(pairs, families_of(pairs.positions(), len(rows)), templates)
