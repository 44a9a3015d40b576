"""Rows to a file, a line each, as chats that every tool reads."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tunewell.curate.reading.clips import Clips
from tunewell.curate.rows import InputRow
from tunewell.store.chat_rows import chat_row


def write_rows(
    rows: Iterable[InputRow],
    out: Path,
    clips: Clips | None = None,
) -> None:
    """Write each row with its id in a line; one that is heard as NeMo's manifests have it.

    Args:
        rows: The rows.
        out: Where to; recordings are copied to the folder ``OUT.clips``.
        clips: The recordings of rows that are heard.
    """
    with out.open("w", encoding="utf-8") as file:
        for row in rows:
            is_heard = clips is not None and row.clip in clips.paths
            written = _heard_row(row, out, clips) if is_heard and clips else chat_row(row.example())
            line = json.dumps(written, ensure_ascii=False)
            file.write(f"{line}\n")


def _heard_row(row: InputRow, out: Path, clips: Clips) -> dict[str, Any]:
    folder = out.with_name(f"{out.name}.clips")
    folder.mkdir(exist_ok=True)
    source = clips.paths[row.clip]
    target = folder / f"{row.clip}{source.suffix.lower()}"
    target.write_bytes(source.read_bytes())
    beside = {"kind": row.kind, "speaker": row.group, **row.tags}
    return {
        "id": row.id,
        "audio_filepath": f"{folder.name}/{target.name}",
        "text": row.target,
        **{name: value for name, value in beside.items() if value},
    }
