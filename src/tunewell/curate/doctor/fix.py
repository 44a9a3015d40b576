"""``tunewell doctor --fix``: what is left of a file after curation."""

from __future__ import annotations

import json
from pathlib import Path

from tunewell.curate.doctor.case import definition, source_of
from tunewell.curate.pipeline import apply_rules
from tunewell.curate.read import ReadResult, read_source
from tunewell.task import TaskFile


def fix(
    path: Path, out: Path, *, eval: Path | None = None, task: TaskFile | None = None
) -> tuple[int, int]:
    """Write the rows that survive curation as ``messages`` JSONL, and a receipt for every input row beside it.

    Args:
        path: The file of training rows.
        out: Where to; the receipts go to ``OUT.receipts.jsonl``.
        eval: Rows that must not be leaked.
        task: The project's definition; the built-in rules without one.

    Returns:
        Rows read and rows kept.
    """
    file = definition(path, task)
    batch = ReadResult()
    read_source(source_of(path, task, "train"), root=path.resolve().parent, batch=batch)
    own = batch.read
    if eval is not None:
        read_source(source_of(eval, task, "test"), root=eval.resolve().parent, batch=batch)
    done = apply_rules(file, batch)
    with out.open("w", encoding="utf-8") as file_out:
        for row in done.training:
            turns = [{"role": role, "content": text} for role, text in row.turns]
            file_out.write(json.dumps({"id": row.id, "messages": turns}, ensure_ascii=False) + "\n")
    with out.with_name(out.name + ".receipts.jsonl").open("w", encoding="utf-8") as receipts:
        for line in done.ledger.table().to_pylist():
            receipts.write(json.dumps(line, ensure_ascii=False) + "\n")
    return own, len(done.training)
