"""Rows to a file, a line each, as chats that every tool reads."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from tunewell.curate.rows import InputRow
from tunewell.store.chat_rows import chat_row


def write_rows(rows: Iterable[InputRow], out: Path) -> None:
    """Write each row with its id in a line."""
    with out.open("w", encoding="utf-8") as file:
        for row in rows:
            line = json.dumps(chat_row(row.example()), ensure_ascii=False)
            file.write(f"{line}\n")
