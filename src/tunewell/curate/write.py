"""Rows to a file, as ``messages`` JSONL."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from tunewell.curate.rows import InputRow


def write_rows(rows: Iterable[InputRow], out: Path) -> None:
    """Write each row with its id in a line."""
    with out.open("w", encoding="utf-8") as file:
        for row in rows:
            messages = [{"role": role, "content": text} for role, text in row.turns]
            line = json.dumps({"id": row.id, "messages": messages}, ensure_ascii=False)
            file.write(f"{line}\n")
