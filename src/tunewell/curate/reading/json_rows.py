"""Records of JSON files: a line each, an array, an object, or frames in any orientation.

What is broken is a reject, what follows is still read.

JSON is read here in Python: the fast readers give no line with an error and turn fields that change
their type into nulls without a word.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from tunewell.curate.reading.columns import plain_key, structure
from tunewell.curate.reading.encoding import Encoding, encoding_of, encoding_of_file, text_in
from tunewell.curate.reading.known_columns import ANSWERS, ASKED, TURNS
from tunewell.curate.reading.source_record import (
    MAX_RECORD_BYTES,
    NOT_A_ROW,
    SourceRecord,
    nothing,
    rejected,
)
from tunewell.curate.rows import Reject, clip
from tunewell.json_text import decode_json, next_json

_SHOWN = 400
"""Characters of a broken element that its reject is made from."""

_ROW_KEYS = frozenset({*TURNS, *ASKED, *ANSWERS, "chosen", "rejected", "segments"}) - {"data"}
"""An object with one of these is a row, not a file of rows."""

_SPLITS = re.compile(r"train|training|test|eval|evaluation|validation|valid|val|dev")

HINT_NOT_JSON = "each line must be one JSON object: check the line, or write the file again"


def json_lines(path: Path) -> Iterator[SourceRecord]:
    """A record for every line that is not blank."""
    encoding = encoding_of_file(path)
    left = path.stat().st_size - encoding.tail - encoding.mark
    yield nothing(1, encoding.mark)
    number = 1
    for number, line, stated in byte_lines(path, encoding):
        size = min(stated, left)  # of a damaged sign in UTF-16 only a part may be there
        left -= size
        if line is None:
            why = f"the line is longer than {MAX_RECORD_BYTES >> 20} MiB"
            yield rejected(number, why, size=size, hint="cut the row into several")
        elif not line.strip(b"\x00 \t\r\n\x0b\x0c\x1a\x1e"):
            yield nothing(number, size)
        else:
            yield from _line(number, line, size, encoding)
    yield nothing(number, encoding.tail + left)


def _line(
    number: int,
    line: bytes,
    size: int,
    encoding: Encoding,
) -> Iterator[SourceRecord]:
    if encoding.is_wide:
        text, legacy = line.decode("utf-8", "surrogatepass"), ""
    else:
        text, legacy = encoding.decode(line)
    text = text.strip("\x00 \t\r\n\x0b\x0c\x1a\x1e\ufeff")
    values = _values(text)
    for n, value in enumerate(values):
        if isinstance(value, Reject):
            value = Reject("", value.why, value.evidence, size=size, hint=HINT_NOT_JSON)
        yield SourceRecord(number, value, size=0 if n else size, encoding=legacy)


def _values(text: str) -> list[Any]:
    """The values of a line: one, or several behind each other; what is no JSON is a Reject."""
    value = _loads(text)
    if isinstance(value, str) and value.lstrip().startswith("{"):
        inner = _loads(value)  # an object that was dumped twice
        return [value] if isinstance(inner, Reject) else [inner]
    if not isinstance(value, Reject):
        return [value]
    if text.startswith("{'"):
        written_by_python = structure(text)
        if isinstance(written_by_python, dict):
            return [written_by_python]
    if text.endswith(","):
        without = _loads(text.rstrip(", "))
        if isinstance(without, dict):
            return [without]
    several = _several(text)
    return several or [value]


def _several(text: str) -> list[Any]:
    """Several values in one line; none if it is not that."""
    found: list[Any] = []
    at = 0
    while at < len(text):
        try:
            value, at = next_json(_DECODER, text, at)
        except ValueError:
            return []
        found.append(value)
        at = _skip_space(text, at)
    return found if all(isinstance(value, dict) for value in found) else []


def byte_lines(path: Path, encoding: Encoding) -> Iterator[tuple[int, bytes | None, int]]:
    """Lines with their numbers and how many bytes of the file they take.

    None for one longer than `MAX_RECORD_BYTES`, which is skipped without holding it. Lines of a
    file in UTF-16 or UTF-32 are given in UTF-8.
    """
    end = path.stat().st_size - encoding.tail
    if encoding.is_wide:
        body = path.read_bytes()[encoding.mark : end]
        for number, line in enumerate(_split_lines(body.decode(encoding.name, "replace")), 1):
            yield number, line.encode("utf-8", "surrogatepass"), len(line.encode(encoding.name))
        return
    with path.open("rb") as file:
        file.seek(encoding.mark)
        if _ends_lines_with_cr(path):
            body = file.read()[: end - encoding.mark]
            for number, piece in enumerate(re.findall(rb"[^\r]*\r|[^\r]+", body), 1):
                yield number, piece, len(piece)
            return
        yield from _stream_lines(file, end)


def _split_lines(text: str) -> list[str]:
    """Lines with their ends: the ends that a row can have, and no other sign of Unicode."""
    return re.findall(r"[^\r\n]*(?:\r\n|\n|\r)|[^\r\n]+", text)


def _ends_lines_with_cr(path: Path) -> bool:
    """Whether lines end as on an old Macintosh."""
    with path.open("rb") as file:
        head = file.read(1 << 20)
    return b"\r" in head and b"\n" not in head


def _stream_lines(file: BinaryIO, end: int) -> Iterator[tuple[int, bytes | None, int]]:
    number = 0
    at = file.tell()
    while at < end:
        line = file.readline(min(MAX_RECORD_BYTES, end - at))
        number += 1
        at += len(line)
        if len(line) < MAX_RECORD_BYTES or line.endswith(b"\n"):
            yield number, line, len(line)
            continue
        size = len(line)
        while at < end and not line.endswith(b"\n"):
            line = file.readline(min(MAX_RECORD_BYTES, end - at))
            at += len(line)
            size += len(line)
        yield number, None, size


def _loads(text: str) -> Any:
    """The value, or a Reject."""
    try:
        return decode_json(_DECODER, text)
    except ValueError as error:
        return Reject("", f"not JSON: {error}", clip(text))


def _no_constant(_name: str) -> None:
    """NaN and the infinities are no JSON: they become null."""


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object; of a key that appears twice JSON would silently keep the last."""
    made = dict(pairs)
    if len(made) != len(pairs):
        names = [name for name, _ in pairs]
        repeated = Counter(names) - Counter(made.keys())
        first = next(iter(repeated))
        raise ValueError(f"the key {clip(first, 40)!r} appears twice")
    return made


_DECODER = json.JSONDecoder(parse_constant=_no_constant, object_pairs_hook=_once)
_SPACE = re.compile(r"[\s,\x00\ufeff]*")


def _skip_space(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    assert match is not None  # it matches the empty string
    return match.end()


def json_document(path: Path) -> Iterator[SourceRecord]:
    """An array of objects, an object that holds rows, or objects behind each other."""
    data = path.read_bytes()
    encoding = encoding_of(data)
    text, legacy = text_in(data, encoding)
    document = _Document(text, len(data), legacy, encoding)
    yield from document.records()


_LIST_BEGINS = re.compile(r'"[^"\\]*"\s*:\s*\[\s*(?=\{)')
_NEXT_OBJECT = re.compile(r"\n[ \t]*(?=\{)|\}\s*,?\s*(?=\{)")
"""Where the next element may begin behind a broken one."""


class _Document:
    """A document element by element, so that a broken one loses only itself.

    Args:
        text: The document.
        size: Bytes of the file.
        legacy: What its encoding is called, if that is no Unicode.
        encoding: Its encoding.
    """

    def __init__(self, text: str, size: int, legacy: str, encoding: Encoding) -> None:
        self._text = text
        self._legacy = legacy
        self._encoding = encoding
        self._size = size
        self._line = 1
        self._counted = 0
        self._given = 0
        self._keys: frozenset[str] = frozenset()
        self._names: list[str] = []

    def records(self) -> Iterator[SourceRecord]:
        """Every record, and what is lost between them."""
        text = self._text
        start = _skip_space(text, 0)
        if text[start : start + 1] == "[":
            yield from self._elements(start + 1, "]")
        else:
            yield from self._values(start)
        yield nothing(self._line, self._size - self._given)

    def _values(self, start: int) -> Iterator[SourceRecord]:
        """Objects behind each other; of a single one, the rows that it holds."""
        text = self._text
        try:
            value, end = next_json(_DECODER, text, start)
        except ValueError as error:
            found = _LIST_BEGINS.search(text, start)
            before = text[start : found.start()].strip(" \r\n\t{") if found else "…"
            if found is not None and "{" not in before:
                yield from self._elements(found.end(), "]")
            elif _NEXT_OBJECT.search(text, start):
                yield from self._elements(start, "")
            else:
                yield self._reject(start, len(text), f"not JSON: {error}")
            return
        if _skip_space(text, end) < len(text) and isinstance(value, dict):
            yield from self._elements(start, "")
            return
        yield from self._whole(value, start)
        rest = _skip_space(text, end)
        if rest < len(text):
            yield self._reject(rest, len(text), "something follows the end of the document")

    def _whole(self, value: Any, start: int) -> Iterator[SourceRecord]:
        if not isinstance(value, dict):
            kind = type(value).__name__
            why = f"a file of rows must be an array or an object, got {kind}"
            yield self._reject(start, len(self._text), why)
            return
        rows = list(rows_of_object(value))
        if not rows:
            yield self._reject(start, len(self._text), "the file holds no rows")
            return
        share = self._size // len(rows)
        at = start
        for name, row, split in rows:
            line = self._line_of(at)
            if name:
                at = max(at, self._text.find(json.dumps(name), at))
                line = self._line_of(at)
            self._given += share
            yield SourceRecord(
                line, row, own_id=name, size=share, encoding=self._legacy, split=split
            )
        yield SourceRecord(1, NOT_A_ROW, beside=_beside(value, rows))

    def _elements(self, at: int, end_sign: str) -> Iterator[SourceRecord]:
        """The elements from a place on, up to the bracket that ends them."""
        text = self._text
        while True:
            at = _skip_space(text, at)
            if at >= len(text):
                if end_sign:
                    yield self._reject(at, at, "the array does not end: the file is cut off")
                return
            if end_sign and text[at] == end_sign:
                rest = _skip_space(text, at + 1)
                if text[rest:].strip("} \n\r\t"):
                    why = "something follows the end of the array"
                    yield self._reject(rest, len(text), why)
                return
            try:
                value, end = next_json(_DECODER, text, at)
            except ValueError as error:
                end = self._behind_broken(at)
                yield self._reject(at, end, f"not JSON: {error}")
            else:
                yield from self._element(value, at, end)
            at = end

    def _element(self, value: Any, at: int, end: int) -> Iterator[SourceRecord]:
        line, size = self._line_of(at), self._bytes_of(at, end)
        if isinstance(value, str):
            value = _values(value)[0] if value.lstrip().startswith("{") else value
        if isinstance(value, list):
            value = self._row_of_list(value)
        if isinstance(value, dict):
            if not self._keys:
                self._keys = frozenset(value)
            value = unwrapped(value)
        yield SourceRecord(line, value, size=size, encoding=self._legacy)

    def _row_of_list(self, values: list[Any]) -> Any:
        """A row of a frame that is an array of arrays, the names of its columns first."""
        if self._names and len(values) == len(self._names):
            return dict(zip(self._names, values, strict=True))
        names = [plain_key(value) for value in values if isinstance(value, str)]
        if not self._names and len(_ROW_KEYS.intersection(names)) > 1:
            self._names = [str(value) for value in values]
            return NOT_A_ROW
        return values

    def _behind_broken(self, at: int) -> int:
        """Where the next element begins that looks like those before."""
        text = self._text
        for found in _NEXT_OBJECT.finditer(text, at + 1):
            try:
                value, _ = next_json(_DECODER, text, found.end())
            except ValueError:
                if found[0].startswith("\n") and not self._keys:
                    return found.end()
                continue
            if self._is_alike(value):
                return found.end()
        return len(text)

    def _is_alike(self, value: Any) -> bool:
        if not isinstance(value, dict):
            return False
        if self._keys:
            return not self._keys.isdisjoint(value)
        return not set(value) <= {"role", "content", "from", "value"}

    def _reject(self, at: int, end: int, why: str) -> SourceRecord:
        evidence = self._text[at : min(end, at + _SHOWN)]
        return rejected(
            self._line_of(at),
            why,
            evidence,
            size=self._bytes_of(at, end),
            hint="write the file again, or fix it at this line",
        )

    def _bytes_of(self, at: int, end: int) -> int:
        """Bytes of a part of the text."""
        size = self._encoding.size_of(self._text[at:end])
        size = min(size, self._size - self._given)
        self._given += size
        return size

    def _line_of(self, at: int) -> int:
        """The line of a place that is not before the last one asked for."""
        if at > self._counted:
            self._line += self._text.count("\n", self._counted, at)
            self._counted = at
        return self._line


def _beside(document: Mapping[str, Any], rows: Sequence[Found]) -> dict[str, Any]:
    """What an object of rows says beside them, such as a version or a licence."""
    if len(rows) == 1 and rows[0][1] == document:
        return {}
    return {key: each for key, each in document.items() if not isinstance(each, list | dict)}


Found = tuple[str, Any, str]
"""The user's key of a row, the row, and its split."""


def unwrapped(value: dict[str, Any]) -> dict[str, Any]:
    """A row without what a server of data sets puts around it (``{"row_idx": 0, "row": {…}}``)."""
    row = value.get("row")
    return row if isinstance(row, dict) and "row_idx" in value else value


def rows_of_object(document: Mapping[str, Any]) -> Iterator[Found]:
    """The rows that an object holds, or the object itself if it is one.

    Example:
        >>> [row for _, row, _ in rows_of_object({"prompt": ["a", "b"], "completion": ["c", "d"]})]
        [{'prompt': 'a', 'completion': 'c'}, {'prompt': 'b', 'completion': 'd'}]
    """
    framed = _framed_rows(document)
    if framed is not None:
        yield from (("", row, "") for row in framed)
    elif not _ROW_KEYS.isdisjoint(map(plain_key, document)):
        yield "", dict(document), ""
    elif all(isinstance(value, dict) for value in document.values()):
        yield from _named_objects(document)
    else:
        yield from _lists_of(document)


def _framed_rows(document: Mapping[str, Any]) -> Sequence[Any] | None:
    """The rows of a frame, in any of the orientations of an object; None if it is not one."""
    columns = _columns_of(document)
    if columns is not None:
        return columns
    if _is_split_frame(document):
        names = document["columns"]
        return [dict(zip(names, values, strict=True)) for values in document["data"]]
    if _are_served_rows(document.get("rows")):
        return [unwrapped(row) for row in document["rows"]]
    return None


def _columns_of(document: Mapping[str, Any]) -> list[dict[str, Any]] | None:
    """The rows of a frame that is written column by column; None if it is not one."""
    known = {plain_key(key) for key in document} & _ROW_KEYS
    columns = list(document.values())
    if not known:
        return None
    if all(isinstance(column, dict) for column in columns):
        return _rows_of_numbered(document)
    if len(columns) > 1 and all(isinstance(column, list) for column in columns):
        return _rows_of_lists(document)
    return None


def _rows_of_numbered(document: Mapping[str, Any]) -> list[dict[str, Any]] | None:
    """The rows of columns whose values have the row's number for their key."""
    columns = list(document.values())
    numbers = list(columns[0])
    if not all(str(number).isdigit() for number in numbers):
        return None
    if any(column.keys() != columns[0].keys() for column in columns):
        return None
    return [{key: column[n] for key, column in document.items()} for n in numbers]


def _rows_of_lists(document: Mapping[str, Any]) -> list[dict[str, Any]] | None:
    """The rows of columns that are lists; one row may hold lists too: chats, and tools."""
    columns = list(document.values())
    lengths = set(map(len, columns))
    if len(lengths) != 1 or 0 in lengths:
        return None
    firsts = [column[0] for column in columns if isinstance(column[0], dict)]
    if any({"role", "from", "function"} & first.keys() for first in firsts):
        return None
    return [dict(zip(document, row, strict=True)) for row in zip(*columns, strict=True)]


def _is_split_frame(document: Mapping[str, Any]) -> bool:
    columns, data = document.get("columns"), document.get("data")
    if not isinstance(columns, list) or not isinstance(data, list):
        return False
    return all(isinstance(row, list) and len(row) == len(columns) for row in data)


def _are_served_rows(value: Any) -> bool:
    """Whether a list holds rows as a server of data sets gives them."""
    return _is_list_of_objects(value) and all("row_idx" in row and "row" in row for row in value)


def _named_objects(document: Mapping[str, Any]) -> Iterator[Found]:
    """The objects of an object, each with its key; or splits of such."""
    if all(_SPLITS.fullmatch(str(name).lower()) for name in document):
        for name, inner in document.items():
            for own_id, row, _ in rows_of_object(inner):
                yield own_id, row, str(name)
        return
    for name, row in document.items():
        yield str(name), row, ""


def _lists_of(document: Mapping[str, Any]) -> Iterator[Found]:
    """The rows of the lists of an object: ``{"data": […]}``, ``{"train": […], "test": […]}``."""
    lists = {name: value for name, value in document.items() if _is_list_of_objects(value)}
    are_splits = all(_SPLITS.fullmatch(str(name).lower()) for name in lists)
    if not lists:
        yield from _inner_rows(document)
    elif len(lists) > 1 and not are_splits:
        yield "", dict(document), ""
    else:
        for name, rows in lists.items():
            split = str(name) if are_splits else ""
            for row in rows:
                yield from (("", each, split) for each in _expanded(row))


def _inner_rows(document: Mapping[str, Any]) -> Iterator[Found]:
    """The rows of the only object of an object, if it holds a list of them; else the object."""
    inner = [value for value in document.values() if isinstance(value, dict)]
    if len(inner) == 1 and any(map(_is_list_of_objects, inner[0].values())):
        yield from rows_of_object(inner[0])
    else:
        yield "", dict(document), ""


def _expanded(row: Any) -> Sequence[Any]:
    """A row, or the questions of an article of SQuAD."""
    if not isinstance(row, dict):
        return [row]
    paragraphs = row.get("paragraphs")
    if not isinstance(paragraphs, list):
        return [unwrapped(row)]
    found = []
    for paragraph in paragraphs:
        questions = paragraph.get("qas") if isinstance(paragraph, dict) else None
        for question in questions or []:
            context = {"context": paragraph.get("context"), "title": row.get("title")}
            found.append({**context, **question})
    return found or [row]


def _is_list_of_objects(value: Any) -> bool:
    return isinstance(value, list) and isinstance(next(iter(value), None), dict)
