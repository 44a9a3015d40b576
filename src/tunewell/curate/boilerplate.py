"""Boilerplate (D05): endings that recur across rows are stripped or reported.

See `tunewell.similar.boilerplate`.
"""

from __future__ import annotations

from collections.abc import Sequence

from tunewell.curate.receipts import Ledger, StepRule
from tunewell.curate.rows import InputRow
from tunewell.similar.boilerplate import recurring, without_endings
from tunewell.task import TaskFile


def strip(
    rows: Sequence[InputRow],
    file: TaskFile,
    ledger: Ledger,
) -> None:
    """Take recurring endings off the turns (or report them)."""
    common = recurring(rows)
    if not common:
        return
    report = file.spec.rules.boilerplate == "report"
    by = StepRule(
        step="boilerplate",
        rule="endings that recur across rows are stripped",
        cites=file.where("rules.boilerplate"),
        code="D05",
    )
    for row in rows:
        texts, taken = without_endings(row, common)
        if not taken:
            continue
        if report:
            ledger.seen("D05", [row.id])
        else:
            row.set_texts(texts)
            ledger.change(row, by, evidence=" / ".join(taken))
