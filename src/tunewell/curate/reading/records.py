"""Every record of a file, whatever its format: what stands in it counts more than its suffix."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from tunewell.curate.reading.arrow import arrow, parquet
from tunewell.curate.reading.columns import structure
from tunewell.curate.reading.documents import (
    Document,
    Unreadable,
    chunks,
    from_docx,
    from_email,
    from_html,
    from_pdf,
)
from tunewell.curate.reading.encoding import decode, encoding_of
from tunewell.curate.reading.json_rows import json_document, json_lines
from tunewell.curate.reading.media_columns import is_recording
from tunewell.curate.reading.packed import DEEPEST, MAGIC, compressed
from tunewell.curate.reading.source_record import SourceRecord, rejected
from tunewell.curate.reading.speech_files import is_kaldi_text, is_ljspeech, kaldi, ljspeech
from tunewell.curate.reading.tables import looks_like_table, table
from tunewell.curate.rows import clip
from tunewell.json_text import parse_json

MAX_DOCUMENT_BYTES = 64 << 20
"""A larger document is a reject."""

HTML_SUFFIXES = frozenset({".html", ".htm", ".xhtml"})

READ = "JSONL, JSON, CSV, TSV, Parquet, Arrow, text, Markdown, HTML, e-mail, DOCX and PDF are read"

HINT_TRANSCRIPTS = (
    "write down what is said: a file metadata.csv beside the recordings with the columns "
    "file_name,transcription,speaker"
)

_HEAD = 1 << 16
"""Bytes by which the format of a file is told."""


def records(path: Path, *, packed_in: int = 0) -> Iterator[SourceRecord]:
    """Every record of a file with its line.

    Args:
        path: The file.
        packed_in: Of how many others it was unpacked.
    """
    size = path.stat().st_size
    if size == 0:
        yield rejected(1, "the file is empty", hint="give a file that holds rows")
        return
    with path.open("rb") as file:
        head = file.read(_HEAD)
    for magic, kind in MAGIC.items():
        if head.startswith(magic):
            if packed_in >= DEEPEST:
                yield rejected(1, f"it is packed more than {DEEPEST} times over", size=size)
                return
            yield from compressed(path, kind, partial(records, packed_in=packed_in + 1))
            return
    read = _reader(path, head)
    if read is not None:
        yield from read(path)
        return
    suffix = path.suffix.lower() or "none"
    why = f"files of type {suffix!r} are not read"
    hint = HINT_TRANSCRIPTS if is_recording(path.name) else f"convert it: {READ}"
    yield rejected(1, why, size=size, hint=hint)


Reader = Callable[[Path], Iterator[SourceRecord]]


def _reader(path: Path, head: bytes) -> Reader | None:
    """How to read a file: by its first bytes, by what its text looks like, by its suffix."""
    for magic, read in _MAGIC.items():
        if head.startswith(magic):
            return read
    if is_kaldi_text(path):
        return kaldi
    if path.name == "metadata.csv" and is_ljspeech(path, _text_of(head)):
        return ljspeech
    suffix = path.suffix.lower()
    by_suffix = _READERS.get(suffix)
    is_doubted = by_suffix is None or suffix in _OPEN
    return (_by_content(head) if is_doubted else None) or by_suffix


def _by_content(head: bytes) -> Reader | None:
    """The reader of text that is surely JSON or a table."""
    text = _text_of(head)
    as_json = _json_reader(text)
    if as_json is not None:
        return as_json
    return _csv if looks_like_table(_whole_lines(text)) else None


def _text_of(head: bytes) -> str:
    found = encoding_of(head)
    if found.is_wide or len(head) < _HEAD:
        return decode(head)[0].lstrip("\ufeff \t\r\n")
    # The last sign may be cut in two.
    return head.decode("utf-8", "replace").lstrip("\ufeff \t\r\n")


def _whole_lines(text: str) -> str:
    """Text without a last line that may be cut off, if there are others."""
    if len(text) < _HEAD // 4:
        return text
    cut = text.rfind("\n")
    return text[: cut + 1] if cut > 0 else text


def _json_reader(text: str) -> Reader | None:
    """The reader of JSON text: an object a line, or one document; None if it is no JSON."""
    lines = [line.strip() for line in text.splitlines()[:50] if line.strip()]
    if not lines:
        return None
    first = lines[0]
    if first.startswith("["):
        return json_document if _ARRAY.match(text) else None
    if first.startswith(('"{\\"', "\"{'")) or _is_python(first):
        return json_lines
    if not _BEGINS_OBJECT.match(text):
        return None
    return json_lines if _is_object_a_line(lines) else json_document


def _is_python(line: str) -> bool:
    """Whether a line is an object as Python writes it."""
    return line.startswith("{'") and isinstance(structure(line), dict)


def _is_object_a_line(lines: list[str]) -> bool:
    """Whether each line is an object, the first one perhaps a broken one."""
    if len(lines) == 1:
        return False
    first, second = lines[:2]
    return second.startswith("{") or _is_json(first) or _is_json(first.rstrip(","))


_ARRAY = re.compile(r'\[\s*(?:[\[{"\]]|\Z)')
"""How an array of rows begins, and no sentence with a word in brackets."""

_BEGINS_OBJECT = re.compile(r'\{\s*(?:"(?:[^"\\]|\\.)*"\s*:|\}|\Z)')


def _is_json(line: str) -> bool:
    try:
        parse_json(line)
    except ValueError:
        return False
    return True


def document(path: Path) -> Iterator[SourceRecord]:
    """The chunks of a document, each with the document's date.

    Siblings have the document as their group.
    """
    size = path.stat().st_size
    try:
        found, legacy = _document_of(path)
    except Unreadable as error:
        yield rejected(1, clip(str(error)), size=size, hint="save the document as text")
        return
    parts = chunks(found.text)
    siblings = {"group": path.name} if len(parts) > 1 else {}
    for number, part in enumerate(parts, 1):
        values: dict[str, Any] = {"text": part, "date": found.date, **siblings}
        yield SourceRecord(
            number,
            values,
            size=0 if number > 1 else size,
            encoding=legacy,
            note=found.note,
            is_document=True,
        )
    if not parts:
        yield rejected(1, "the document holds no text", size=size, hint=f"convert it: {READ}")


def _document_of(path: Path) -> tuple[Document, str]:
    """The text of a document, and the encoding it was in where that is no Unicode."""
    if path.stat().st_size > MAX_DOCUMENT_BYTES:
        raise Unreadable(f"the document is longer than {MAX_DOCUMENT_BYTES >> 20} MiB")
    suffix = path.suffix.lower()
    read = _PACKED.get(suffix)
    if read is not None:
        return read(path), ""
    data = path.read_bytes()
    if data.startswith(b"%PDF-"):
        return from_pdf(path), ""
    text, legacy = decode(data)
    if suffix in HTML_SUFFIXES:
        return from_html(text), legacy
    return Document(text), legacy


def _json_of_any_kind(path: Path) -> Iterator[SourceRecord]:
    """A .json file that begins as neither an array nor an object."""
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
_OPEN = frozenset({".txt", ".text"}) | {".json", ".jsonl", ".ndjson"}
"""Suffixes under which people keep files of other formats too."""

_MAGIC: dict[bytes, Reader] = {
    b"PAR1": parquet,
    b"ARROW1": arrow,
    b"\xff\xff\xff\xff": arrow,
    b"%PDF-": document,
}
"""By first bytes."""

_READERS: dict[str, Reader] = {
    ".parquet": parquet,
    ".arrow": arrow,
    ".feather": arrow,
    ".csv": _csv,
    ".tsv": _tsv,
    ".tab": _tsv,
    ".jsonl": json_lines,
    ".ndjson": json_lines,
    ".json": _json_of_any_kind,
    **dict.fromkeys((*_PLAIN, *HTML_SUFFIXES, *_PACKED), document),
}
"""By suffix."""

__all__ = ["HTML_SUFFIXES", "MAX_DOCUMENT_BYTES", "document", "records"]
