"""How alike rows are: by all they say, or by what they ask alone.

A child that keeps its parent's answer is a copy where it asks the same: a long answer would hide
how unlike the questions are. Where answers are data (labels, JSON, code), what is asked tells
alone, and two answers that differ say different things, although most of their text is the same.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from tunewell.augment.accept.words import plain, text_of, words_of
from tunewell.similar.closest import KeptTexts, SplitTexts, pairs_within
from tunewell.similar.near_duplicates import Pairs
from tunewell.types import Example


def same_answer(
    one: Example,
    other: Example,
) -> bool:
    """Whether two rows answer the same."""
    return plain(one.target) == plain(other.target)


@dataclass(frozen=True)
class RowLikeness:
    """Compares rows of a project.

    Attributes:
        texts: Texts whose words are known.
        answers_are_data: Whether the project's answers are labels, JSON or code.
        among_siblings: Two synthetic rows with one answer in prose are compared by all they say:
            the answer is then a good part of what a model would see twice.
    """

    texts: SplitTexts
    answers_are_data: bool = False
    among_siblings: bool = False

    def only_asked(
        self,
        one: Example,
        other: Example,
    ) -> bool:
        """Whether what two rows ask tells alone if one adds to the other."""
        if self.answers_are_data or self.among_siblings:
            return self.answers_are_data
        return same_answer(one, other)

    def words(
        self,
        one: Example,
        other: Example,
    ) -> tuple[list[str], list[str]]:
        """The words of both that tell if one adds to the other."""
        if self.only_asked(one, other):
            return words_of(one.input), words_of(other.input)
        return words_of(text_of(one)), words_of(text_of(other))

    def of_pairs(self, pairs: Sequence[tuple[Example, Example]]) -> list[float]:
        """How alike the rows of each pair are, in [0, 1]."""
        left, right = [], []
        for one, other in pairs:
            alone = self.only_asked(one, other)
            left.append(one.input if alone else text_of(one))
            right.append(other.input if alone else text_of(other))
        found: list[float] = self.texts.similarity(left, right).tolist()
        if self.answers_are_data:
            for k, (one, other) in enumerate(pairs):
                if not same_answer(one, other) and plain(one.input) != plain(other.input):
                    found[k] = 0.0
        return found


@dataclass(frozen=True)
class CandidateLikeness:
    """What in a batch is alike.

    Attributes:
        earlier: Child to the nearest row accepted before the batch, and how near.
        within: Child to those before it in the batch that it is like.
    """

    earlier: Mapping[str, tuple[str, float]]
    within: Mapping[str, Sequence[tuple[str, float]]]

    def repeats(
        self,
        child: str,
        taken: Collection[str],
        least: float,
    ) -> tuple[str, float] | None:
        """What a row repeats, and how nearly; None if nothing so nearly."""
        before = self.earlier.get(child)
        if before is not None and before[1] >= least:
            return before
        for other, alike in self.within.get(child, ()):
            if other in taken and alike >= least:
                return other, alike
        return None


class KeptRows:
    """Rows that others are compared with; more can be added.

    Args:
        likeness: Compares them.
    """

    def __init__(self, likeness: RowLikeness) -> None:
        self._likeness = likeness
        self._texts = likeness.texts
        self._kept = KeptTexts()
        self._rows: list[Example] = []

    def add(self, rows: Sequence[Example]) -> None:
        """Keep more rows."""
        self._kept.add(self._texts.table(list(map(text_of, rows))))
        self._rows += rows

    def nearest(
        self,
        children: Sequence[Example],
        *,
        least: float,
    ) -> dict[str, tuple[str, float]]:
        """Child to the kept row that it is most like, and how much, from so much on."""
        table = self._texts.table(list(map(text_of, children)))
        pairs = self._kept.near(table, threshold=least)
        found: dict[str, tuple[str, float]] = {}
        for i, row, alike in self._judged(children, self._rows, pairs, least):
            name = children[i].id
            if alike > found.get(name, ("", 0.0))[1]:
                found[name] = (row.id, alike)
        return found

    def within(
        self,
        children: Sequence[Example],
        *,
        least: float,
    ) -> dict[str, list[tuple[str, float]]]:
        """Child to those before it that it is like, from so much on."""
        table = self._texts.table(list(map(text_of, children)))
        pairs = pairs_within(table, threshold=least)
        later = Pairs(pairs.right, pairs.left, pairs.similarity)
        found: dict[str, list[tuple[str, float]]] = {}
        for j, row, alike in self._judged(children, children, later, least):
            found.setdefault(children[j].id, []).append((row.id, alike))
        return found

    def _judged(
        self,
        children: Sequence[Example],
        rows: Sequence[Example],
        pairs: Pairs,
        least: float,
    ) -> list[tuple[int, Example, float]]:
        """Pairs (child, row) that are alike by what counts, in their order."""
        positions = list(pairs.positions())
        alike = pairs.similarity.tolist()
        again = []
        for k, (i, j) in enumerate(positions):
            if self._likeness.only_asked(children[i], rows[j]):
                again.append(k)
        compared = [(children[positions[k][0]], rows[positions[k][1]]) for k in again]
        for k, value in zip(again, self._likeness.of_pairs(compared), strict=True):
            alike[k] = value
        found = []
        for (i, j), value in zip(positions, alike, strict=True):
            if value >= least:
                found.append((i, rows[j], value))
        return found
