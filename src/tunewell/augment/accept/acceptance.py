"""Decides on candidates in their order: the cheap checks first, whole batches at a time."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from tunewell.augment.accept.against_others import (
    DistanceFromEvaluation,
    DistanceFromParent,
    DistanceFromTraining,
    Siblings,
)
from tunewell.augment.accept.by_itself import RowChecksOfChildren
from tunewell.augment.accept.corpus import OwnRows
from tunewell.augment.accept.likeness import RowLikeness
from tunewell.augment.accept.refusal_reason import NotTaken
from tunewell.augment.accept.words import text_of
from tunewell.augment.nouns import Candidate, Decided
from tunewell.checks.personal.recogniser import find_all, load_recogniser
from tunewell.languages import detectable
from tunewell.metrics.facts import Facts
from tunewell.people.erased_people import ErasedPerson, names_erased
from tunewell.plurals import per_cent
from tunewell.similar.closest import SplitTexts
from tunewell.task import AugmentCell, TaskFile
from tunewell.types import Example

BATCH: Final = 1_024
"""Candidates that are decided on together: always the same ones, whatever the order of arrival."""

Judging = Callable[[Sequence[tuple[Example, Example]]], Sequence[str]]
"""Gives the reason against each (child, parent); empty if there is none."""


@dataclass(frozen=True)
class Written:
    """A candidate and the row that was written for it."""

    candidate: Candidate
    child: Example
    generator: str


class RowAcceptance:
    """All checks of an augmentation, with what was accepted so far.

    Args:
        file: The definition.
        training: The rows of the folds.
        evaluation: The rows of the test set, the review pool and frozen gold.
        cells: What is wanted, by name.
        parents: Rows that children were made from, by id.
        facts: The project's facts; None if it has none.
        judge: Has the last word; None = nobody.
        erased: People whom no row may name.
    """

    def __init__(
        self,
        file: TaskFile,
        training: Sequence[Example],
        evaluation: Sequence[Example],
        *,
        cells: Mapping[str, AugmentCell],
        parents: Mapping[str, Example],
        facts: Facts | None = None,
        judge: Judging | None = None,
        erased: Sequence[ErasedPerson] = (),
    ) -> None:
        spec = file.spec
        limits = spec.augment.limits
        dates = [row.date for row in training if row.date]
        self._spec = spec
        self._cells = cells
        self._parents = parents
        self._judge = judge
        self._erased = erased
        self._recogniser = load_recogniser(spec.rules.recogniser, str(file.root))
        own = OwnRows(training, spec.task.language, spec.augment.seed)
        # Rows without a date speak for the newest day of the data, so that reruns repeat.
        today = max(dates, default=dt.date.min)
        self._by_itself = RowChecksOfChildren(spec, own, facts, today)
        likeness = RowLikeness(SplitTexts(), own.answers_are_data)
        self._likeness = likeness
        self._own = own
        self._facts = facts
        self._has_evaluation = bool(evaluation)
        self._from_parent = DistanceFromParent(own, limits, likeness)
        self._from_evaluation = DistanceFromEvaluation(evaluation, limits, likeness)
        self._from_training = DistanceFromTraining(training, limits, likeness)
        self._siblings = Siblings(limits, likeness)
        self._heard: set[str] = set()
        self._room = {name: cell.rows for name, cell in cells.items()}

    @property
    def unchecked(self) -> dict[str, str]:
        """Checks that have nothing to go by, with the reason."""
        found = {}
        if self._facts is None:
            found["facts"] = "the project has no facts file (rules.facts)"
        if not self._has_evaluation:
            found["leak"] = "there are no evaluation rows"
        if self._spec.task.language not in detectable():
            found["language"] = "the detector does not know the task's language"
        if self._judge is None:
            found["judge"] = "no judge is named (augment.judge)"
        vocabulary = self._own.vocabulary
        if not vocabulary.says_something:
            found["unknown words"] = (
                f"too few rows to know the project's words: {vocabulary.size:,} of them, and up to "
                f"{per_cent(vocabulary.most_new)} of those of a row are in no other"
            )
        if self._own.unlooked:
            loose = sorted((kind, self._own.loose[kind]) for kind in self._own.unlooked)
            told = ", ".join(f"{kind}s in {per_cent(share)}" for kind, share in loose)
            found["support"] = f"the project's own answers state without support: {told} of them"
        return found

    def decide(self, written: Sequence[Written]) -> list[Decided]:
        """Decide on the rows of a round, in the order of their candidates."""
        decided: list[Decided] = []
        for start in range(0, len(written), BATCH):
            decided += self._batch(written[start : start + BATCH])
        return decided

    def _batch(self, written: Sequence[Written]) -> list[Decided]:
        texts = [one for one in written if not one.child.audio]
        reasons = self._recordings([one for one in written if one.child.audio])
        alike = self._likeness.of_pairs([(one.child, self._of(one)[1]) for one in texts])
        for one, similarity in zip(texts, alike, strict=True):
            found = self._form(one, similarity)
            if found is not None:
                reasons[one.child.id] = found
        checks = (
            self._named,
            self._personal,
            self._content,
            self._training,
            self._evaluation,
            self._judged,
        )
        for check in checks:
            left = [one for one in texts if one.child.id not in reasons]
            reasons |= check(left)
        left = [one for one in texts if one.child.id not in reasons]
        reasons |= self._among_themselves(left)
        return [self._told(one, reasons.get(one.child.id)) for one in written]

    def _recordings(self, written: Sequence[Written]) -> dict[str, NotTaken]:
        """Rows that are heard: their words are the parent's, so only the recordings are compared.

        A rule changes a recording by a stated strength; what was not changed teaches nothing.
        """
        reasons = {}
        for one in written:
            cell, parent = self._of(one)
            clip = one.child.audio[-1]
            if clip in parent.audio or clip in self._heard:
                reasons[one.child.id] = NotTaken("copy", "the same recording", parent.id)
            elif not self._room[cell.name]:
                reasons[one.child.id] = NotTaken("not needed", "its cell is full")
            else:
                self._room[cell.name] -= 1
                self._heard.add(clip)
        return reasons

    def _form(
        self,
        one: Written,
        alike: float,
    ) -> NotTaken | None:
        """How a row is written, and whether it copies its parent."""
        cell, parent = self._of(one)
        row = (one.child, parent, cell)
        return self._by_itself.form(*row) or self._from_parent.check(*row, alike)

    def _content(self, written: Sequence[Written]) -> dict[str, NotTaken]:
        """Whether a row is of its parent's kind, and what it says."""
        found = {}
        for one in written:
            cell, parent = self._of(one)
            row = (one.child, parent, cell)
            reason = self._from_parent.elsewhere(*row) or self._by_itself.content(*row)
            if reason is not None:
                found[one.child.id] = reason
        return found

    def _of(self, one: Written) -> tuple[AugmentCell, Example]:
        return self._cells[one.candidate.cell], self._parents[one.candidate.parent]

    def _named(self, written: Sequence[Written]) -> dict[str, NotTaken]:
        """People who were erased, written anew by a generator that has heard of them."""
        found = {}
        for one in written:
            texts = [turn.content for turn in one.child.messages]
            if self._erased and names_erased(texts, self._erased):
                found[one.child.id] = NotTaken("personal data", "a person who was erased")
        return found

    def _personal(self, written: Sequence[Written]) -> dict[str, NotTaken]:
        """Personal data and secrets that the parent does not have (D07)."""
        if self._spec.rules.personal == "report" or not written:
            return {}
        texts = [text_of(one.child) for one in written]
        found = {}
        for one, text, spans in zip(written, texts, find_all(texts, self._recogniser), strict=True):
            known = text_of(self._of(one)[1])
            new = [span for span in spans if text[span.start : span.end] not in known]
            if new:
                kinds = ", ".join(sorted({span.type for span in new}))
                found[one.child.id] = NotTaken("personal data", kinds)
        return found

    def _training(self, written: Sequence[Written]) -> dict[str, NotTaken]:
        cells = [self._of(one)[0] for one in written]
        return self._from_training.check([one.child for one in written], cells)

    def _evaluation(self, written: Sequence[Written]) -> dict[str, NotTaken]:
        parents = [self._of(one)[1] for one in written]
        return self._from_evaluation.check([one.child for one in written], parents)

    def _judged(self, written: Sequence[Written]) -> dict[str, NotTaken]:
        if self._judge is None or not written:
            return {}
        pairs = [(one.child, self._of(one)[1]) for one in written]
        said = self._judge(pairs)
        found = {}
        for one, why in zip(written, said, strict=True):
            if why:
                found[one.child.id] = NotTaken("judge", why)
        return found

    def _among_themselves(self, written: Sequence[Written]) -> dict[str, NotTaken]:
        """One after the other: what was taken before counts against what comes later."""
        reasons: dict[str, NotTaken] = {}
        taken: dict[str, Example] = {}
        likeness = self._siblings.likeness([one.child for one in written])
        for one in written:
            cell, parent = self._of(one)
            if not self._room[cell.name]:
                reasons[one.child.id] = NotTaken("not needed", "its cell is full")
                continue
            found = self._siblings.check(one.child, parent, cell, likeness, taken)
            if found is not None:
                reasons[one.child.id] = found
                continue
            self._room[cell.name] -= 1
            taken[one.child.id] = one.child
            self._siblings.learn(one.child)
        self._siblings.add(list(taken.values()))
        return reasons

    @staticmethod
    def _told(
        one: Written,
        reason: NotTaken | None,
    ) -> Decided:
        return Decided(
            number=one.candidate.number,
            cell=one.candidate.cell,
            parent=one.candidate.parent,
            fate="rejected" if reason else "accepted",
            reason=reason.reason if reason else "",
            evidence=reason.evidence if reason else "",
            other=reason.other if reason else "",
            row=one.child,
            generator=one.generator,
        )
