"""Every record of a file, whatever its format: the suffix says which reader."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tunewell.curate.decoding import (
    NOTED,
    SourceRecord,
    decode,
    rejected,
)
from tunewell.curate.documents import (
    Document,
    Unreadable,
    chunks,
    from_docx,
    from_email,
    from_html,
    from_pdf,
)
from tunewell.curate.json_rows import (
    json_document,
    json_lines,
    looks_like_lines,
)
from tunewell.curate.rows import clip
from tunewell.curate.tables import parquet, table

MAX_DOCUMENT_BYTES = 64 << 20
"""A larger document is a reject."""

HTML_SUFFIXES = frozenset({".html", ".htm", ".xhtml"})


def records(path: Path) -> Iterator[SourceRecord]:
    """Every record of a file with its line."""
    if path.stat().st_size == 0:
        yield rejected(1, "the file is empty")
        return
    suffix = path.suffix.lower()
    read = _READERS.get(suffix)
    if read is None:
        yield rejected(1, f"files of type {suffix or 'none'!r} are not read")
    else:
        yield from read(path)


def document(path: Path) -> Iterator[SourceRecord]:
    """The chunks of a document, each with the document's date.

    Siblings have the document as their group.
    """
    try:
        found, encoding = _document_of(path)
    except Unreadable as error:
        yield rejected(1, clip(str(error)))
        return
    parts = chunks(found.text)
    siblings = {"group": path.name} if len(parts) > 1 else {}
    noted = {NOTED: found.note} if found.note else {}
    for number, part in enumerate(parts, 1):
        values: dict[str, Any] = {"text": part, "date": found.date}
        record = SourceRecord(number, {**values, **siblings, **noted})
        record.note_encoding(encoding, part)
        yield record


def _document_of(path: Path) -> tuple[Document, str]:
    """The text of a document, and the encoding it was in where it is plain."""
    if path.stat().st_size > MAX_DOCUMENT_BYTES:
        raise Unreadable(f"the document is longer than {MAX_DOCUMENT_BYTES >> 20} MiB")
    suffix = path.suffix.lower()
    read = _PACKED.get(suffix)
    if read is not None:
        return read(path), ""
    text, encoding = decode(path.read_bytes())
    if suffix in HTML_SUFFIXES:
        return from_html(text), encoding
    return Document(text), encoding


def _json(path: Path) -> Iterator[SourceRecord]:
    if looks_like_lines(path):
        return json_lines(path)
    return json_document(path)


def _csv(path: Path) -> Iterator[SourceRecord]:
    return table(path, ",")


def _tsv(path: Path) -> Iterator[SourceRecord]:
    return table(path, "\t")


def _mail(path: Path) -> Document:
    return from_email(path.read_bytes())


_PACKED: dict[str, Callable[[Path], Document]] = {
    ".docx": from_docx,
    ".pdf": from_pdf,
    ".eml": _mail,
}
"""Documents that say themselves how their text is encoded."""

_PLAIN = frozenset({".txt", ".md", ".text", ".rst"})

_READERS: dict[str, Callable[[Path], Iterator[SourceRecord]]] = {
    ".parquet": parquet,
    ".csv": _csv,
    ".tsv": _tsv,
    ".jsonl": json_lines,
    ".ndjson": json_lines,
    ".json": _json,
    **dict.fromkeys((*_PLAIN, *HTML_SUFFIXES, *_PACKED), document),
}
"""By suffix."""
