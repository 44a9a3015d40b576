"""What becomes of each row by itself: repairs, broken rows, kinds, age, languages, personal data."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tunewell.curate import age, rules
from tunewell.curate.findings import SpanRecord
from tunewell.curate.receipts import Ledger, StepRule
from tunewell.curate.row_checks import RowLook
from tunewell.curate.rows import InputRow
from tunewell.curate.superseded import superseded
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
    seen = _SeenRows(rows, looked)
    for row, look in seen.there():
        if look.turns is not None:
            _repair(row, look.turns, look, file, ledger)
        if look.fault and not row.held:
            _broken(row, look.fault, file, ledger)

    age.date_by_text(seen.training(), file, ledger)
    limit = file.spec.rules.max_age
    today = age.as_of(seen.training(), limit) if limit else None
    rules.kinds(seen.training(), file, ledger)
    age.age(seen.training(), file, ledger, today=today)
    newest = age.newest(seen.training())
    superseded(seen.training(), file, ledger, today=today or newest)

    for row, look in seen.there():
        if not row.held:
            rules.languages(row, look.languages, file, ledger)
    rules.words(seen.training(), file, ledger)

    spans: list[SpanRecord] = []
    for row, look in seen.there():
        if look.masked is not None:
            spans += _spans(row, look)
            _personal(row, look, file, ledger)
    return spans


@dataclass(frozen=True)
class _SeenRows:
    """Rows with what the pass saw in each."""

    rows: Sequence[InputRow]
    looked: Sequence[RowLook]

    def there(self) -> Iterator[tuple[InputRow, RowLook]]:
        """Those that are still there."""
        for row, look in zip(self.rows, self.looked, strict=True):
            if not row.dropped:
                yield row, look

    def training(self) -> list[InputRow]:
        """Those that are still there and may be trained on."""
        return [row for row in self.rows if not row.dropped and not row.held]


def _repair(
    row: InputRow,
    texts: Sequence[str],
    look: RowLook,
    file: TaskFile,
    ledger: Ledger,
) -> None:
    row.set_texts(texts)
    by = StepRule(
        step="repair",
        rule="certain repairs of the text",
        cites=file.where("rules.repair"),
        code="D08" if look.mojibake else "",
    )
    ledger.change(row, by, evidence=", ".join(look.repairs))


def _broken(row: InputRow, fault: Sequence[str], file: TaskFile, ledger: Ledger) -> None:
    kind, rule, evidence = fault
    if file.spec.rules.broken == "report":
        ledger.seen("D08", [row.id])
        return
    by = StepRule("broken", rule, file.where("rules.broken"), "D08")
    ledger.drop(row, by, evidence=f"{kind}: {evidence}")


def _spans(row: InputRow, look: RowLook) -> Iterator[SpanRecord]:
    for turn, start, end, kind in look.spans:
        yield {"row": row.id, "turn": turn, "start": start, "end": end, "type": kind}


def _personal(row: InputRow, look: RowLook, file: TaskFile, ledger: Ledger) -> None:
    choice = file.spec.rules.personal
    cites = file.where("rules.personal")
    kinds = [kind for *_, kind in look.spans]
    evidence = ", ".join(f"{kinds.count(kind)} {kind}" for kind in sorted(set(kinds)))
    if choice == "report":
        ledger.seen("D07", [row.id])
    elif choice == "drop" and not row.held:
        rule = "rows with personal data are dropped"
        ledger.drop(row, StepRule("personal data", rule, cites, "D07"), evidence=evidence)
    else:
        row.set_texts(look.masked or [])
        rule = "personal data is masked, the same value always alike"
        ledger.change(row, StepRule("personal data", rule, cites, "D07"), evidence=evidence)
