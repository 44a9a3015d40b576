"""Every record of a file, whatever its format: the suffix says which reader."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tunewell.curate.decoding import DECODED, NOTED, Record, decode
from tunewell.curate.documents import READERS, Document, Unreadable, chunks, from_html
from tunewell.curate.json_rows import json_document, json_lines, looks_like_lines
from tunewell.curate.rows import Reject, clip
from tunewell.curate.tables import parquet, table

MAX_DOCUMENT_BYTES = 64 << 20
"""A larger document is a reject."""

TEXT_SUFFIXES = {".txt", ".md", ".text", ".rst"}
HTML_SUFFIXES = {".html", ".htm", ".xhtml"}
_TABLES = {".csv": ",", ".tsv": "\t"}
_LINES = {".jsonl", ".ndjson"}


def records(path: Path) -> Iterator[Record]:
    """Every record of a file with its line."""
    if path.stat().st_size == 0:
        yield 1, Reject("", "the file is empty"), ""
        return
    suffix = path.suffix.lower()
    if suffix == ".parquet":
        yield from parquet(path)
    elif suffix in _TABLES:
        yield from table(path, _TABLES[suffix])
    elif suffix in TEXT_SUFFIXES or suffix in HTML_SUFFIXES or suffix in READERS:
        yield from document(path)
    elif suffix in _LINES or (suffix == ".json" and looks_like_lines(path)):
        yield from json_lines(path)
    elif suffix == ".json":
        yield from json_document(path)
    else:
        yield 1, Reject("", f"files of type {suffix or 'none'!r} are not read"), ""


def document(path: Path) -> Iterator[Record]:
    """The chunks of a document, each with the document's date.

    Siblings have the document as their group.
    """
    try:
        document, encoding = _read(path)
    except Unreadable as error:
        yield 1, Reject("", clip(str(error))), ""
        return
    parts = chunks(document.text)
    for number, part in enumerate(parts, 1):
        record: dict[str, Any] = {"text": part, "date": document.date}
        if len(parts) > 1:
            record["group"] = path.name
        if encoding == "cp1252":
            record[DECODED] = clip(part)
        if document.note:
            record[NOTED] = document.note
        yield number, record, ""


def _read(path: Path) -> tuple[Document, str]:
    suffix = path.suffix.lower()
    if path.stat().st_size > MAX_DOCUMENT_BYTES:
        raise Unreadable(f"the document is longer than {MAX_DOCUMENT_BYTES >> 20} MiB")
    if suffix in READERS:
        return READERS[suffix](path), ""
    text, encoding = decode(path.read_bytes())
    if suffix in HTML_SUFFIXES:
        return from_html(text), encoding
    return Document(text), encoding
