"""What becomes of each row by itself: repairs, broken rows, kinds, age, languages, private data."""

from __future__ import annotations

import datetime as dt
import functools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tunewell.checks.broken import Breakage
from tunewell.checks.broken.refusals import is_told_to_refuse
from tunewell.curate import age, rules
from tunewell.curate.findings import SpanRecord
from tunewell.curate.heard import with_speech
from tunewell.curate.mass_drops import hold_back
from tunewell.curate.receipts import Ledger, StepRule, certain_still_there, still_there
from tunewell.curate.row_checks import RowLook
from tunewell.curate.rows import (
    InputRow,
    counted,
    training_of,
)
from tunewell.curate.superseded import superseded
from tunewell.curate.unchecked import PERSONAL_UNCHECKED, unproven_in
from tunewell.task import TaskFile


def apply_row_rules(
    rows: Sequence[InputRow],
    looked: Sequence[RowLook],
    file: TaskFile,
    ledger: Ledger,
) -> list[SpanRecord]:
    """Repair, broken, kinds, age, languages, words, personal data: in this order for every row.

    Args:
        rows: Every row that was read.
        looked: What the pass over rows saw in each.
        file: The project's definition.
        ledger: Receipts.

    Returns:
        Where personal data stood, by row.
    """
    step = _RowSteps(rows, looked, file, ledger)
    step.repair_or_drop_broken()
    hold_back(rows, file, ledger)
    step.apply_ages_and_kinds()
    step.check_languages()
    hold_back(rows, file, ledger)
    rules.words(with_speech(training_of(rows)), file, ledger)
    step.note_unproven_numbers()
    return list(step.treat_personal_data())


@dataclass(frozen=True)
class _RowSteps:
    """Steps that look at each row by itself.

    Attributes:
        rows: Every row that was read.
        looked: What the pass over rows saw in each.
        file: The project's definition.
        ledger: Receipts.
    """

    rows: Sequence[InputRow]
    looked: Sequence[RowLook]
    file: TaskFile
    ledger: Ledger

    def _there(self) -> Iterator[tuple[InputRow, RowLook]]:
        """Rows that are still there, with what was seen in them."""
        for row, look in zip(self.rows, self.looked, strict=True):
            if not row.dropped:
                yield row, look

    def repair_or_drop_broken(self) -> None:
        """Repair each row; drop it if it cannot be trained on as it is, or report it."""
        for row, look in self._there():
            if look.turns is not None:
                row.set_texts(look.turns)
                self._note_repair(row, look)
            fault = look.breakage
            if fault and not row.held:
                self._drop_broken(row, fault)

    def _note_repair(self, row: InputRow, look: RowLook) -> None:
        by = StepRule(
            step="repair",
            rule="certain repairs of the text",
            cites=self.file.where("rules.repair"),
            code="D08" if look.mojibake else "",
        )
        self.ledger.change(row, by, evidence=", ".join(look.repairs))

    def _drop_broken(self, row: InputRow, fault: Breakage) -> None:
        if fault.kind == "refusal" and self._wants_refusals:
            return
        cited = self._cited_rule(fault)
        if not self._is_dropped(fault, cited):
            self.ledger.seen("D08", [row.id])
            self.ledger.seen(still_there("D08"), [row.id])
            if fault.is_certain:
                self.ledger.seen(certain_still_there("D08"), [row.id])
            return
        by = StepRule(
            step="broken",
            rule=fault.rule,
            cites=self.file.where(f"rules.{cited}"),
            code="D08",
        )
        self.ledger.drop(row, by, evidence=f"{fault.kind}: {fault.evidence}")

    def _cited_rule(self, fault: Breakage) -> str:
        """The rule that decides: the fault's own if it is set, else the one for all of them."""
        return fault.name if self.file.spec.rules.choice_on(fault.name) else "broken"

    def _is_dropped(self, fault: Breakage, cited: str) -> bool:
        """Whether the row goes: for a likely fault only where its own rule says so."""
        rules = self.file.spec.rules
        if cited == "broken":
            return rules.broken == "drop" and fault.is_certain
        return rules.choice_on(fault.name) == "drop"

    @functools.cached_property
    def _wants_refusals(self) -> bool:
        """Whether the task says that some requests are to be refused."""
        task = self.file.spec.task
        return is_told_to_refuse("\n".join([task.about, task.output, task.instruction]))

    def apply_ages_and_kinds(self) -> None:
        """Drop rows of kinds that do not belong, stale ones and superseded ones."""
        file, ledger = self.file, self.ledger
        age.date_by_text(training_of(self.rows), file, ledger)
        today = self._day_of_ages()
        rules.kinds(training_of(self.rows), file, ledger)
        age.age(training_of(self.rows), file, ledger, today=today)
        there = training_of(self.rows)
        superseded(there, file, ledger, today=today or age.newest(there))

    def _day_of_ages(self) -> dt.date | None:
        limit = self.file.spec.rules.max_age
        return age.as_of(training_of(self.rows), limit) if limit else None

    def check_languages(self) -> None:
        """Drop rows in other languages than those wanted."""
        for row, look in self._there():
            if not row.held:
                rules.languages(row, look.languages, self.file, self.ledger)

    def note_unproven_numbers(self) -> None:
        """Note numbers that may be personal data, though nothing proves it."""
        for row, look in self._there():
            self.ledger.seen(PERSONAL_UNCHECKED, unproven_in(row, look.languages))

    def treat_personal_data(self) -> Iterator[SpanRecord]:
        """Mask personal data, drop the rows that hold it, or report them; gives the places."""
        for row, look in self._there():
            if look.masked is not None:
                yield from look.span_records(row.id)
                self._treat(row, look, look.masked)

    def _treat(
        self,
        row: InputRow,
        look: RowLook,
        masked: Sequence[str],
    ) -> None:
        choice = self.file.spec.rules.personal
        evidence = counted(look.kinds_of_personal_data())
        if choice == "report":
            self.ledger.seen("D07", [row.id])
        elif choice == "drop" and not row.held:
            by = self._personal("rows with personal data are dropped")
            self.ledger.drop(row, by, evidence=evidence)
        else:
            row.set_texts(masked)
            by = self._personal("personal data is masked, the same value always alike")
            self.ledger.change(row, by, evidence=evidence)

    def _personal(self, rule: str) -> StepRule:
        return StepRule(
            step="personal data",
            rule=rule,
            cites=self.file.where("rules.personal"),
            code="D07",
        )
