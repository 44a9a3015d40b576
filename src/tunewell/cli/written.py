"""Files that a verb writes where ``--out`` names one."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path


def write_jsonl(path: Path, rows: Iterable[object]) -> None:
    """Write one JSON value per line."""
    lines = [json.dumps(row, ensure_ascii=False) + "\n" for row in rows]
    path.write_text("".join(lines), encoding="utf-8")


def in_file(path: Path | None) -> str:
    """``" in FILE"`` for the end of a sentence; empty if nothing was written."""
    return f" in {path}" if path else ""
