"""Rows that state a fact which the facts file or newer rows have superseded (D06).

What the facts file says is in `tunewell.curate.outdated_facts`, what newer rows say in
`tunewell.similar.replaced_values`. A sentence that speaks of the past, and says so, is not stale.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tunewell.curate.age import is_spared
from tunewell.curate.outdated_facts import Superseded, against_facts
from tunewell.curate.receipts import Ledger, StepRule
from tunewell.curate.rows import InputRow
from tunewell.metrics.facts import facts_file, read_facts
from tunewell.similar.replaced_values import DatedText, replaced_values
from tunewell.similar.sentences import speaks_of_the_past
from tunewell.task import TaskFile

REPORTED = "D06 reported"
"""Under this name the ledger notes the rows that are still in the data."""


def superseded(
    rows: Sequence[InputRow],
    file: TaskFile,
    ledger: Ledger,
    *,
    today: dt.date | None,
) -> None:
    """Drop or report rows that state what no longer holds.

    The exceptions of ``rules.max_age`` are spared.

    Args:
        rows: Those to look at.
        file: The project's definition.
        ledger: Receipts.
        today: The day that facts are asked for; without one, and without dated rows, nothing is
            looked at.
    """
    path = facts_file(file)
    cases: list[Superseded] = []
    if path is not None and today is not None:
        facts = read_facts(path)
        cases += against_facts(
            rows,
            facts,
            today=today,
            language=file.spec.task.language,
        )
    cases += against_newer(rows)

    # What the facts file says of a row goes before what newer rows say.
    first_of_row: dict[str, Superseded] = {}
    for case in cases:
        first_of_row.setdefault(case.row.id, case)
    verdict = _Verdict(file, ledger, path)
    for case in first_of_row.values():
        verdict.apply(case)


def against_newer(rows: Sequence[InputRow]) -> Iterator[Superseded]:
    """Rows with a value that newer rows, in the same sentence, have replaced throughout."""
    texts = []
    for row in rows:
        if row.date is not None and not speaks_of_the_past(row.input):
            texts.append(DatedText(row.id, row.date, row.target))
    by_id = {row.id: row for row in rows}
    for found in replaced_values(texts):
        yield Superseded(
            row=by_id[found.row],
            said=found.said,
            now=found.now,
            about=found.about,
            newer=found.newer,
        )


@dataclass(frozen=True)
class _Verdict:
    """What becomes of superseded rows.

    Attributes:
        file: The project's definition.
        ledger: Receipts.
        facts: The facts file, if there is one.
    """

    file: TaskFile
    ledger: Ledger
    facts: Path | None

    def apply(self, case: Superseded) -> None:
        """Drop or report a row, unless an exception spares it."""
        evidence = f"{case.about}: {case.said}; now {case.now or 'nothing'} ({self._by(case)})"
        if is_spared(case.row, "superseded", self.file, self.ledger, evidence=evidence):
            return
        if self.file.spec.rules.superseded == "drop":
            by = self._rule("rows that state a superseded fact are dropped")
            self.ledger.drop(
                case.row,
                by,
                evidence=evidence,
                other=case.newer,
            )
        else:
            by = self._rule("states a superseded fact: reported")
            self.ledger.change(
                case.row,
                by,
                evidence=evidence,
                other=case.newer,
            )
            self.ledger.seen(REPORTED, [case.row.id])

    def _by(self, case: Superseded) -> str:
        """Who says what holds now."""
        if case.newer or self.facts is None:
            return f"row {case.newer}"
        return self.facts.name

    def _rule(self, words: str) -> StepRule:
        return StepRule(
            step="superseded",
            rule=words,
            cites=self.file.where("rules.superseded"),
            code="D06",
        )
