"""Boilerplate (D05): recurring signatures and disclaimers are stripped.

See `tunewell.similar.boilerplate`.
"""

from __future__ import annotations

from collections.abc import Sequence

from tunewell.curate.receipts import Ledger, StepRule, still_there
from tunewell.curate.rows import InputRow
from tunewell.similar.boilerplate import recurring, without_endings
from tunewell.task import TaskFile


def strip(
    rows: Sequence[InputRow],
    file: TaskFile,
    ledger: Ledger,
) -> None:
    """Take signatures and disclaimers off the turns, and report other endings that recur."""
    common = recurring(rows)
    if not common:
        return
    report = file.spec.rules.boilerplate == "report"
    by = StepRule(
        step="boilerplate",
        rule="signatures and disclaimers that recur across rows are stripped",
        cites=file.where("rules.boilerplate"),
        code="D05",
    )
    for row in rows:
        endings = without_endings(row, common)
        if endings.left or (report and endings.taken):
            ledger.seen("D05", [row.id])
            ledger.seen(still_there("D05"), [row.id])
        if endings.taken and not report:
            row.set_texts(endings.texts)
            ledger.change(row, by, evidence=" / ".join(endings.taken))
