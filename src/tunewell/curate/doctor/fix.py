"""``tunewell doctor --fix``: what is left of a file after curation."""

from __future__ import annotations

import json
from pathlib import Path

from tunewell.curate.doctor.case import definition, read_file
from tunewell.curate.pipeline import apply_rules
from tunewell.curate.reading.read import ReadResult
from tunewell.curate.receipts import Ledger
from tunewell.curate.write import write_rows
from tunewell.task import TaskFile


def fix(
    path: Path,
    out: Path,
    *,
    eval: Path | None = None,
    task: TaskFile | None = None,
) -> tuple[int, int]:
    """Write the rows that survive curation as ``messages`` JSONL, with a receipt for every row.

    Args:
        path: The file of training rows.
        out: Where to; the receipts go to ``OUT.receipts.jsonl``.
        eval: Rows that must not be leaked.
        task: The project's definition; the built-in rules without one.

    Returns:
        Rows read and rows kept.
    """
    batch = ReadResult()
    read_file(path, task, "train", batch)
    own = batch.read
    if eval is not None:
        read_file(eval, task, "test", batch)
    done = apply_rules(definition(path, task), batch)
    write_rows(done.training, out)
    _write_receipts(done.ledger, out.with_name(f"{out.name}.receipts.jsonl"))
    return own, len(done.training)


def _write_receipts(ledger: Ledger, out: Path) -> None:
    with out.open("w", encoding="utf-8") as file:
        for receipt in ledger.table().to_pylist():
            file.write(json.dumps(receipt, ensure_ascii=False) + "\n")
