"""Checks against other rows: the parent, the training rows, evaluation families, siblings."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final

import numpy as np

from tunewell.augment.accept.corpus import OwnRows
from tunewell.augment.accept.likeness import (
    CandidateLikeness,
    KeptRows,
    RowLikeness,
    same_answer,
)
from tunewell.augment.accept.refusal_reason import NotTaken
from tunewell.augment.accept.words import plain, text_of, words_of
from tunewell.plurals import per_cent
from tunewell.similar.closest import NOBODY, Closest, KeptTexts
from tunewell.similar.conversations import conversations_of
from tunewell.similar.leaks import find_leaks
from tunewell.task import AugmentCell, AugmentLimits
from tunewell.types import Example

_SHORT: Final = 20
_SHORT_LEAK: Final = 0.7
"""Of short texts less says little: two questions of six words share half of them by chance."""

_NEARER: Final = 0.05
"""A row has moved towards another one if it is so much more like it than its parent is."""


@dataclass(frozen=True)
class DistanceFromParent:
    """Neither a copy of its parent nor about something else.

    Attributes:
        rows: Tell which words are telling, and what chance shares.
        limits: Where the lines are.
        likeness: Compares rows.
    """

    rows: OwnRows
    limits: AugmentLimits
    likeness: RowLikeness

    def check(
        self,
        child: Example,
        parent: Example,
        cell: AugmentCell,
        alike: float,
    ) -> NotTaken | None:
        """Whether a row copies its parent; None if not.

        Args:
            child: The row.
            parent: What it was made from.
            cell: What it was asked for by.
            alike: Similarity of the two.
        """
        if plain(text_of(child)) == plain(text_of(parent)):
            return NotTaken("copy", "the same text", parent.id)
        if cell.kind == "variation":
            if alike >= self.limits.copy_of:
                return NotTaken("copy", f"similarity {alike:.2f}", parent.id)
            said_both = self.rows.answers_are_data and not same_answer(child, parent)
            same = 0.0 if said_both else _same_words(*self.likeness.words(child, parent))
            if same >= self.limits.copy_of:
                return NotTaken("nothing new", "the same words in another order", parent.id)
        return None

    def elsewhere(
        self,
        child: Example,
        parent: Example,
        cell: AugmentCell,
    ) -> NotTaken | None:
        """What shares no more than chance with its parent.

        Where the answer is data, or was kept, few words need link a case to another one of its
        kind: it is elsewhere where it is like no row of the project.
        """
        if cell.kind == "edit":
            return None
        kept = same_answer(child, parent)
        if kept and not self.rows.answers_are_data:
            # An answer that was kept would link any input to it.
            mine, theirs = words_of(child.input), words_of(parent.input)
        else:
            mine, theirs = words_of(text_of(child)), words_of(text_of(parent))
        shared = self.rows.shared(mine, theirs)
        least = self.limits.elsewhere or self.rows.by_chance
        if shared >= least:
            return None
        told = (
            f"shares {per_cent(shared)} of its telling words with its parent, "
            f"chance {per_cent(least)}"
        )
        if kept or (self.rows.answers_are_data and not self.rows.labels):
            nearest = self.rows.shared_with_nearest(mine)
            if nearest >= self.rows.inside:
                return None
            told += f", and {per_cent(nearest)} with any row, own rows {per_cent(self.rows.inside)}"
        return NotTaken("elsewhere", told, parent.id)


def _same_words(
    one: Sequence[str],
    other: Sequence[str],
) -> float:
    """Of the words of two texts, whatever their order: Dice's coefficient, in [0, 1]."""
    common = (Counter(one) & Counter(other)).total()
    return 2 * common / max(1, len(one) + len(other))


class DistanceFromEvaluation:
    """No row may be, or come near, a row of the test set, the review pool or frozen gold (D11).

    Every evaluation row is looked at: what `find_leaks` finds, and whatever has moved from its
    parent towards an evaluation row.

    Args:
        rows: Of evaluation.
        limits: Where the lines are.
        likeness: Compares rows.
    """

    def __init__(
        self,
        rows: Sequence[Example],
        limits: AugmentLimits,
        likeness: RowLikeness,
    ) -> None:
        self._limits = limits
        self._rows = list(rows)
        self._texts = likeness.texts
        self._compared = conversations_of(rows)
        self._asked = KeptTexts([row.input for row in rows])
        self._whole = KeptTexts([text_of(row) for row in rows])
        # Answers that are data look alike, whatever they say: what is asked tells of a leak.
        self._looked_at: list[tuple[KeptTexts, Callable[[Example], str]]] = [
            (self._asked, _input_of)
        ]
        if not likeness.answers_are_data:
            self._looked_at.insert(0, (self._whole, text_of))

    def check(
        self,
        children: Sequence[Example],
        parents: Sequence[Example],
    ) -> dict[str, NotTaken]:
        """Reasons by the id of the child."""
        if not self._rows or not children:
            return {}
        found = {}
        for leak in find_leaks(conversations_of(children), self._compared):
            told = f"{leak.kind}, similarity {leak.similarity:.2f}"
            found[leak.train.id] = NotTaken("leak", told, leak.test.id)
        for id, reason in self._moved(children, parents):
            found.setdefault(id, reason)
        return found

    def _moved(
        self,
        children: Sequence[Example],
        parents: Sequence[Example],
    ) -> Iterator[tuple[str, NotTaken]]:
        """Children that are nearer to an evaluation row than their parents are."""
        for kept, text in self._looked_at:
            mine = list(map(text, children))
            nearest = kept.closest(self._texts.table(mine), threshold=self._limits.leak)
            near = self._near_enough(mine, nearest)
            rows = [self._rows[int(nearest.place[i])] for i in near]
            theirs = [text(parents[i]) for i in near]
            before = self._texts.similarity(theirs, list(map(text, rows)))
            for i, row, of_parent in zip(near, rows, before.tolist(), strict=True):
                alike = float(nearest.similarity[i])
                if alike > of_parent + _NEARER:
                    told = f"moved towards it, similarity {alike:.2f}"
                    yield children[i].id, NotTaken("leak", told, row.id)

    def _near_enough(
        self,
        texts: Sequence[str],
        nearest: Closest,
    ) -> list[int]:
        """Places of the texts that are alike enough, for their length, to an evaluation row."""
        found = []
        for i in np.flatnonzero(nearest.place != NOBODY).tolist():
            short = len(texts[i].split()) < _SHORT
            least = max(_SHORT_LEAK, self._limits.leak) if short else self._limits.leak
            if float(nearest.similarity[i]) >= least:
                found.append(i)
        return found


def _input_of(row: Example) -> str:
    return row.input


class DistanceFromTraining:
    """A row that copies another training row than its parent adds nothing.

    Args:
        rows: Training rows.
        limits: Where the lines are.
        likeness: Compares rows.
    """

    def __init__(
        self,
        rows: Sequence[Example],
        limits: AugmentLimits,
        likeness: RowLikeness,
    ) -> None:
        self._limits = limits
        self._kept = KeptRows(likeness)
        self._kept.add(rows)

    def check(
        self,
        children: Sequence[Example],
        cells: Sequence[AugmentCell],
    ) -> dict[str, NotTaken]:
        """Reasons by the id of the child."""
        found = {}
        nearest = self._kept.nearest(children, least=self._limits.copy_of)
        for child, cell in zip(children, cells, strict=True):
            if child.id not in nearest:
                continue
            row, alike = nearest[child.id]
            if row == child.parent and cell.kind != "variation":
                continue
            found[child.id] = NotTaken("copy", f"similarity {alike:.2f}", row)
        return found


class Siblings:
    """The accepted rows: no two of them may be near-duplicates, and each must add something.

    Args:
        limits: Where the lines are.
        likeness: Compares rows.
    """

    def __init__(
        self,
        limits: AugmentLimits,
        likeness: RowLikeness,
    ) -> None:
        self._limits = limits
        self._likeness = likeness
        self._kept = KeptRows(replace(likeness, among_siblings=True))
        self._pairs: dict[str, set[tuple[str, str]]] = {}

    def likeness(self, children: Sequence[Example]) -> CandidateLikeness:
        """What of a batch is alike, in itself and to what was accepted before."""
        return CandidateLikeness(
            self._kept.nearest(children, least=self._limits.near),
            self._kept.within(children, least=self._limits.near),
        )

    def check(
        self,
        child: Example,
        parent: Example,
        cell: AugmentCell,
        likeness: CandidateLikeness,
        taken: Collection[str],
    ) -> NotTaken | None:
        """The reason against a row, given which rows of its batch were taken before it."""
        # Rows that are to be like their parents may be like each other.
        near = self._limits.near if cell.kind == "variation" else self._limits.copy_of
        repeated = likeness.repeats(child.id, taken, near)
        if repeated is not None:
            other, alike = repeated
            return NotTaken("near-duplicate", f"similarity {alike:.2f}", other)
        if cell.kind != "variation":
            return None
        mine, theirs = (set(pairwise(words)) for words in self._likeness.words(child, parent))
        known = theirs | self._pairs.get(child.parent, set())
        new = len(mine - known) / len(mine) if mine else 0.0
        if mine and new < self._limits.new:
            return NotTaken("nothing new", f"{per_cent(new)} of its word pairs are new", parent.id)
        return None

    def learn(self, child: Example) -> None:
        """This one is accepted: its words are no longer new to rows of its parent."""
        pairs = set(pairwise(words_of(text_of(child))))
        self._pairs.setdefault(child.parent, set()).update(pairs)

    def add(self, children: Sequence[Example]) -> None:
        """A batch is decided on, and these of it were accepted."""
        self._kept.add(children)
