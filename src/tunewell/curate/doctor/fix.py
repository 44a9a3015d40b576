"""``tunewell doctor --fix``: what is left of a file after curation."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from tunewell.curate.doctor.case import Examined
from tunewell.curate.pipeline import apply_rules
from tunewell.curate.receipts import Ledger
from tunewell.curate.write import write_rows
from tunewell.task import FieldMap, TaskFile


def fix(
    path: Path | Sequence[Path],
    out: Path,
    *,
    eval: Path | None = None,
    task: TaskFile | None = None,
    fields: FieldMap | None = None,
) -> tuple[int, int]:
    """Write the rows that survive curation as chats in JSONL, with a receipt for every row.

    Args:
        path: The files of training rows.
        out: Where to; the receipts go to ``OUT.receipts.jsonl``.
        eval: Rows that must not be leaked.
        task: The project's definition; the built-in rules without one.
        fields: Columns and roles that the user names.

    Returns:
        Rows read and rows kept.
    """
    examined = Examined.of(path, eval, task, fields)
    batch = examined.read()
    own = batch.read
    batch.take(examined.read_tests())
    done = apply_rules(examined.definition(), batch)
    write_rows(done.training, out, batch.clips)
    _write_receipts(done.ledger, out.with_name(f"{out.name}.receipts.jsonl"))
    return own, len(done.training)


def _write_receipts(ledger: Ledger, out: Path) -> None:
    with out.open("w", encoding="utf-8") as file:
        for receipt in ledger.table().to_pylist():
            file.write(json.dumps(receipt, ensure_ascii=False) + "\n")
