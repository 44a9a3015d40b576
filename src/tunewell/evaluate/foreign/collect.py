"""The outputs of one file, however it was written: every record counts, whatever it lacks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from tunewell.evaluate.foreign.answers import (
    DOUBLED,
    NO_GOLD,
    UNREADABLE,
    ForeignAnswer,
    plain_text,
    reason,
)
from tunewell.evaluate.foreign.file_report import FileReport
from tunewell.types import Example, Message, Prediction, Value, references_tag

NO_NAME: Final = "candidate"
"""What an arm is called that nobody named."""
UNKNOWN: Final = "(unreadable)"
"""Stands for the text of a row that the file does not give."""


@dataclass(frozen=True)
class ForeignRecord:
    """One answer to one row, as a file gives it.

    Attributes:
        place: Where it stands (``file:line``).
        row: Id of the row; empty if the file gives none.
        arm: Who answered, as the file names it; empty if it names nobody.
        answer: What was said.
        asked: The input, where the file holds it.
        references: The right answers, where the file holds them.
        repeat: Which of several answers of the same arm to the row, from 0.
        tags: What else the file says of the row.
    """

    place: str
    row: str
    answer: ForeignAnswer
    arm: str = ""
    asked: str | None = None
    references: tuple[str, ...] = ()
    repeat: int = 0
    tags: Mapping[str, str] = field(default_factory=dict)


class ForeignOutputs(Value):
    """Outputs made elsewhere.

    Attributes:
        predictions: One per row and arm; what does not count ends in ``error``, with its reason.
        repeats: Further answers of the same arms to the same rows, all of one repeat together.
        examples: Rows that the file brought with it: every row that it speaks of, if it holds
            inputs or right answers; else empty.
        rejects: Records that could not be read, as (``file:line``, why).
        source: Which format it was.
        report: What was made of the file.
    """

    predictions: tuple[Prediction, ...]
    repeats: tuple[tuple[Prediction, ...], ...] = ()
    examples: tuple[Example, ...] = ()
    rejects: tuple[tuple[str, str], ...] = ()
    source: str = ""
    report: FileReport


class Collector:
    """Gathers the records of one file.

    Args:
        arm: What the user calls the arm; empty takes the file's names.
        report: Of the file, to be completed.
    """

    def __init__(self, arm: str, report: FileReport) -> None:
        self._arm = arm
        self._report = report
        self._records: list[ForeignRecord] = []
        self._rejects: list[tuple[str, str]] = []
        self._rows: dict[str, ForeignRecord] = {}
        self._lost: list[str] = []

    def take(self, record: ForeignRecord) -> None:
        """Keep an answer; without an id its place names the row."""
        self._records.append(record)
        row = record.row or record.place
        known = self._rows.get(row)
        if known is None or _fuller(record, known):
            self._rows[row] = record

    def reject(self, place: str, why: str, *, row: str = "") -> None:
        """Note a record that cannot be read; where its row is known, its answer does not count."""
        self._rejects.append((place, why))
        if row:
            answer = ForeignAnswer(failed=reason(UNREADABLE, why))
            self.take(ForeignRecord(place=place, row=row, answer=answer))
        else:
            self._lost.append(place)

    def expect(self, rows: Iterable[str]) -> None:
        """Rows that the file itself says were asked, whether or not it holds an answer."""
        for row in rows:
            self._rows.setdefault(
                row, ForeignRecord(place=self._report.file, row=row, answer=ForeignAnswer())
            )

    def found(self) -> ForeignOutputs:
        """All of it."""
        names = _ArmNames(self._arm, self._records)
        chosen: dict[int, dict[tuple[str, str], Prediction]] = {}
        doubled = 0
        for record in self._records:
            made = _prediction(record, names.of(record))
            of_repeat = chosen.setdefault(record.repeat, {})
            key = (made.arm, made.example)
            if key in of_repeat:
                doubled += 1
                made = _one_of_two(of_repeat[key], made)
            of_repeat[key] = made

        first, *others = [tuple(chosen[n].values()) for n in sorted(chosen)] or [()]
        notes = list(self._report.notes)
        if doubled:
            notes.append(f"{doubled} outputs appear twice for the same row and arm")
        if others:
            notes.append(f"{len(chosen)} answers to each row: scores are means over them")
        if self._rejects:
            notes.append(f"{len(self._rejects)} records cannot be read")
        return ForeignOutputs(
            predictions=self._without_gold(first),
            repeats=tuple(others),
            examples=tuple(self._examples()),
            rejects=tuple(self._rejects),
            source=self._report.format,
            report=self._report.model_copy(update={"notes": tuple(notes)}),
        )

    @property
    def _brings_rows(self) -> bool:
        return any(record.references for record in self._rows.values())

    def _examples(self) -> Iterable[Example]:
        """Every row that the file speaks of, where it holds right answers at all."""
        if not self._brings_rows:
            return
        for row, record in self._rows.items():
            yield _example(row, record)
        for place in self._lost:
            yield _example(place, ForeignRecord(place=place, row=place, answer=ForeignAnswer()))

    def _without_gold(self, predictions: Iterable[Prediction]) -> tuple[Prediction, ...]:
        """The predictions; of a row without a right answer nothing can be said."""
        if not self._brings_rows:
            return tuple(predictions)
        judged = []
        for prediction in predictions:
            if self._rows[prediction.example].references or prediction.finish == "error":
                judged.append(prediction)
            else:
                failed = {"finish": "error", "reason": NO_GOLD}
                judged.append(prediction.model_copy(update=failed))
        return tuple(judged)


class _ArmNames:
    """What each record's arm is called."""

    def __init__(self, given: str, records: Iterable[ForeignRecord]) -> None:
        self._given = given
        self._several = len({record.arm for record in records if record.arm}) > 1

    def of(self, record: ForeignRecord) -> str:
        if not self._given:
            return record.arm or NO_NAME
        if self._several and record.arm and record.arm != self._given:
            return f"{self._given}/{record.arm}"
        return self._given


def _fuller(new: ForeignRecord, known: ForeignRecord) -> bool:
    """Whether a record says more of its row than the one before."""
    return bool(new.references) and not known.references


def _prediction(record: ForeignRecord, arm: str) -> Prediction:
    answer = record.answer
    return Prediction(
        example=record.row or record.place,
        arm=plain_text(arm),
        text=answer.text,
        finish="error" if answer.failed else "stop",
        reason=answer.failed,
    )


def _one_of_two(first: Prediction, second: Prediction) -> Prediction:
    """Of two outputs for one row and arm: the same twice is one, two different ones are none."""
    if (first.text, first.reason) == (second.text, second.reason):
        return first
    failed = {"finish": "error", "reason": reason(DOUBLED, "two different outputs")}
    return first.model_copy(update=failed)


def _example(row: str, record: ForeignRecord) -> Example:
    target = record.references[0] if record.references else UNKNOWN
    question = Message(role="user", content=record.asked or UNKNOWN)
    tags = {name: value for name, value in record.tags.items() if name != "group"}
    return Example(
        id=row,
        messages=(question, Message(role="assistant", content=target)),
        group=record.tags.get("group", ""),
        tags={**tags, **references_tag(record.references)},
    )


def arms_in(predictions: Iterable[Prediction]) -> Counter[str]:
    """How many outputs each arm has."""
    return Counter(prediction.arm for prediction in predictions)
