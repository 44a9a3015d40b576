"""Files as records: JSON, JSON lines, CSV and Parquet; what is broken is one record that says so.

A line of JSON lines ends at a line feed, nowhere else: U+2028, U+0085 and their like are legal
inside a string. Numbers keep the digits that they are written with.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from tunewell.errors import DataError
from tunewell.json_text import next_json, parse_json
from tunewell.safe_text import cells_of_any_size

Record = tuple[str, Any]
"""Where it stands (``file:line``), and what it is: an object, or a `Broken`."""
_UTF16: Final = (b"\xff\xfe", b"\xfe\xff")
_GZIP: Final = b"\x1f\x8b"
_UTF8_PAIR: Final = re.compile(rb"[\xc2-\xf4][\x80-\xbf]")
_WESTERN_MARKS: Final = "€‚„…‘’“”•–—™¡£©«°±²³µ·¹»¼½¾¿§®\u00a0"
_SPACE: Final = re.compile(r"[\s,]*")
_SEP_LINE: Final = re.compile(r"sep=.\r?", re.IGNORECASE)
_DELIMITERS: Final = ",;\t|"


@dataclass(frozen=True)
class Broken:
    """A record that cannot be read, and why; its id and other cells as far as they are known."""

    why: str
    known: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class ForeignDocument:
    """A file, read.

    Attributes:
        name: Of the file.
        whole: A single JSON value; None for records.
        records: One by one.
        notes: What had to be repaired.
    """

    name: str
    whole: Any = None
    records: tuple[Record, ...] = ()
    notes: tuple[str, ...] = ()


def read_document(path: Path) -> ForeignDocument:
    """Read a file by its content, CSV and Parquet by its name.

    Raises:
        DataError: It cannot be opened, or is none of these.
    """
    suffix = path.suffix.lower()
    if suffix in {".parquet", ".pq"}:
        return _parquet(path)
    text, notes = _decoded(path)
    if suffix in {".csv", ".tsv"}:
        return ForeignDocument(path.name, records=tuple(csv_records(text, path.name)), notes=notes)

    whole = _json(text)
    if isinstance(whole, list):
        return ForeignDocument(path.name, records=tuple(_numbered(whole, path.name)), notes=notes)
    if isinstance(whole, dict) and "\n" in text.strip():
        return ForeignDocument(path.name, whole, ((f"{path.name}:1", whole),), notes)
    # A list that ends on its own line is one line among others, not an array that was cut.
    begins_array = text.lstrip().startswith("[") and _json(_first_line(text)) is None
    if whole is None and begins_array:
        return ForeignDocument(path.name, records=tuple(_cut_array(text, path.name)), notes=notes)
    lines = tuple(json_lines(text, path.name))
    return ForeignDocument(path.name, whole if isinstance(whole, dict) else None, lines, notes)


def _decoded(path: Path) -> tuple[str, tuple[str, ...]]:
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error}") from error
    if raw.startswith(_GZIP):
        raise DataError(f"{path} is compressed", hint=f"gunzip --keep {path}")
    if raw.startswith(_UTF16):
        return raw.decode("utf-16", "replace"), ()
    text = raw.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "surrogateescape")
    if _is_windows(raw):
        return raw.decode("cp1252"), ("not UTF-8: read as Windows-1252",)
    broken = sum("\udc80" <= character <= "\udcff" for character in text)
    if not broken:
        return text, ()
    note = f"{broken} bytes are not UTF-8 and were replaced by U+FFFD"
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace"), (note,)


def _is_windows(raw: bytes) -> bool:
    """Whether every byte beyond ASCII is a Western letter or mark of Windows, and none is UTF-8."""
    beyond = [byte for byte in raw if byte >= 0x80]
    if not beyond or _UTF8_PAIR.search(raw):
        return False
    try:
        letters = bytes(beyond).decode("cp1252")
    except UnicodeDecodeError:
        return False
    return all(letter.isalpha() or letter in _WESTERN_MARKS for letter in letters)


def load_json(text: str, *, once: bool = False) -> Any:
    """A JSON value; numbers with a fraction stay the text that they are, NaN becomes null.

    Args:
        text: The JSON.
        once: Whether a key that appears twice in an object is an error.

    Raises:
        ValueError: It is no JSON, or nested too deeply.
    """
    return parse_json(
        text,
        parse_float=str,
        parse_constant=lambda _name: None,
        object_pairs_hook=_once if once else None,
    )


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the key {twice[:40]!r} appears twice")
    return made


def _json(text: str) -> Any:
    try:
        return load_json(text)
    except ValueError:
        return None


def _first_line(text: str) -> str:
    return text.lstrip().split("\n", 1)[0]


def json_lines(text: str, name: str) -> Iterator[Record]:
    """A record for every line that is not blank."""
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        place = f"{name}:{number}"
        try:
            yield place, load_json(line, once=True)
        except ValueError as error:
            yield place, Broken(f"not JSON: {error}")


def _numbered(items: Iterable[Any], name: str) -> Iterator[Record]:
    for number, item in enumerate(items, 1):
        yield f"{name}:{number}", item


def _cut_array(text: str, name: str) -> Iterator[Record]:
    """The elements of an array that does not end, as far as they go."""
    decoder = json.JSONDecoder(parse_float=str, parse_constant=lambda _name: None)
    at = text.index("[") + 1
    number = 0
    while True:
        number += 1
        match = _SPACE.match(text, at)
        at = match.end() if match else at
        try:
            item, at = next_json(decoder, text, at)
        except ValueError:
            yield f"{name}:{number}", Broken("the array does not end: the file is cut off")
            return
        yield f"{name}:{number}", item


def csv_records(text: str, name: str) -> Iterator[Record]:
    """A record for every line of a CSV with a header; an empty cell is null.

    Raises:
        DataError: Two columns have one name.
    """
    with cells_of_any_size():
        yield from _csv_records(_without_sep_line(text), name)


def _csv_records(text: str, name: str) -> Iterator[Record]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text))
    header: list[str] = []
    try:
        for cells in reader:
            if not any(cells):
                continue
            if not header:
                header = _header(cells, name)
                continue
            yield f"{name}:{reader.line_num}", _csv_record(header, cells)
    except csv.Error as error:
        yield f"{name}:{reader.line_num}", Broken(f"not CSV: {error}")


def _without_sep_line(text: str) -> str:
    """The text without the line by which Excel is told the separator (an empty one keeps count)."""
    first, _, rest = text.partition("\n")
    return f"\n{rest}" if _SEP_LINE.fullmatch(first) else text


def _delimiter(text: str) -> str:
    first = text.lstrip("\n").split("\n", 1)[0]
    return max(_DELIMITERS, key=first.count)


def _header(cells: list[str], name: str) -> list[str]:
    header = [cell.strip() for cell in cells]
    twice = sorted({cell for cell in header if cell and header.count(cell) > 1})
    if twice:
        raise DataError(f"{name} has two columns with one name: {', '.join(twice)}", place=name)
    return header


def _csv_record(header: list[str], cells: list[str]) -> Any:
    known = {column: cell or None for column, cell in zip(header, cells, strict=False) if column}
    if len(cells) == len(header):
        return known
    return Broken(f"{len(cells)} cells where the header has {len(header)} columns", known)


def _parquet(path: Path) -> ForeignDocument:
    import pyarrow as pa
    from pyarrow import parquet

    try:
        rows = parquet.read_table(path).to_pylist()
    except (OSError, pa.ArrowException) as error:
        raise DataError(f"{path} cannot be read as Parquet: {error}") from error
    return ForeignDocument(path.name, records=tuple(_numbered(rows, path.name)))
