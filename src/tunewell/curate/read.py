"""Files to rows: every record becomes a row or a recorded reject with its place; nothing is lost silently.

JSON is read here in Python, line by line: the fast readers give no line with an error and turn fields that change their
type into nulls without a word.
"""

from __future__ import annotations

import csv
import glob
import io
import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tunewell.curate.documents import READERS, Document, Unreadable, chunks, from_html
from tunewell.curate.formats import Misfit, row_of
from tunewell.curate.rows import Ledger, Reject, Row, clip
from tunewell.errors import DataError
from tunewell.store.files import file_digest
from tunewell.task import DataSource

MAX_RECORD_BYTES = 16 << 20
"""A longer line is a reject: no chat row is that long, and one of them must not take the machine's memory."""

MAX_DOCUMENT_BYTES = 64 << 20
"""A larger document is a reject."""

TEXT_SUFFIXES = {".txt", ".md", ".text", ".rst"}
HTML_SUFFIXES = {".html", ".htm", ".xhtml"}
_TABLES = {".csv": ",", ".tsv": "\t"}
_LINES = {".jsonl", ".ndjson"}
Record = tuple[int, Any, str]
"""Line, record (a mapping, or a Reject in its place), the user's own key outside the record."""


@dataclass
class Batch:
    """What was read.

    Attributes:
        rows: In the order of the files.
        rejects: What never became a row.
        files: Place name to SHA-256 of each file.
        repairs: (row, rule, evidence) of what reading itself mended.
    """

    rows: list[Row] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)
    files: dict[str, str] = field(default_factory=dict)
    repairs: list[tuple[Row, str, str]] = field(default_factory=list)

    @property
    def read(self) -> int:
        """Input rows, rejects included."""
        return len(self.rows) + len(self.rejects)


def find_files(source: DataSource, *, root: Path, where: str = "") -> list[Path]:
    """The files of a source, sorted.

    Raises:
        DataError: A variable is not set, or nothing is there.
    """
    text = source.path
    for name in re.findall(r"\$\{?(\w+)\}?", text):
        if name not in os.environ:
            raise DataError(
                f"${name} in the path {text!r} is not set", place=where, hint=f"export {name}=/path/to/data"
            )
    path = Path(os.path.expandvars(text)).expanduser()
    path = path if path.is_absolute() else root / path
    if path.is_dir():
        found = [p for p in path.rglob("*") if p.is_file() and not p.name.startswith(".")]
    elif path.is_file():
        found = [path]
    else:
        found = [Path(p) for p in glob.glob(str(path), recursive=True) if Path(p).is_file()]
    if not found:
        raise DataError(f"there is no file {path}", place=where, hint="check data.path in tunewell.yaml")
    return sorted(found)


def read_source(source: DataSource, *, root: Path, batch: Batch, where: str = "") -> None:
    """Read the files of a source into a batch.

    Args:
        source: What to read, and how.
        root: Folder that relative paths start from.
        batch: Filled in.
        where: Line of tunewell.yaml that named the source.
    """
    paths = find_files(source, root=root, where=where)
    left = source.limit or -1
    for path in paths:
        if left == 0:
            break
        left = _read_file(path, source, _place_name(path, paths, root), batch, left)


def _place_name(path: Path, paths: list[Path], root: Path) -> str:
    if not path.is_relative_to(root):
        root = Path(os.path.commonpath([p.parent for p in paths]))
    return path.relative_to(root).as_posix().encode("utf-8", "replace").decode()  # names need not be UTF-8


def _read_file(path: Path, source: DataSource, name: str, batch: Batch, left: int) -> int:
    try:
        batch.files[name] = file_digest(path)
        last, nth = 0, 1
        for line, record, own_id in records(path):
            nth = nth + 1 if line == last else 1
            last = line
            place = f"{name}:{line}" if nth == 1 else f"{name}:{line}.{nth}"
            if isinstance(record, Reject):
                batch.rejects.append(Reject(place, record.why, record.evidence))
                continue
            _take(record, source, place, own_id, batch)
            left -= 1
            if left == 0:
                break
    except PermissionError as error:
        raise DataError(f"{path} cannot be read", hint=f"check its owner and mode: ls -l {path}") from error
    return left


def _take(record: Any, source: DataSource, place: str, own_id: str, batch: Batch) -> None:
    if not isinstance(record, dict):
        shown = clip(json.dumps(record, default=str))
        batch.rejects.append(Reject(place, f"a row must be an object, got {type(record).__name__}", shown))
        return
    mended, noted = record.pop(_DECODED, ""), record.pop(_NOTED, "")
    try:
        row = row_of(record, source, place=place, name=source.name or Path(place.rsplit(":", 1)[0]).stem, own_id=own_id)
    except Misfit as error:
        batch.rejects.append(Reject(place, str(error), clip(json.dumps(record, default=str, ensure_ascii=True))))
        return
    if mended:
        batch.repairs.append((row, "text that is not UTF-8 is read as Windows-1252", mended))
    if noted:
        batch.repairs.append((row, "not everything in the document is read", noted))
    for rule, evidence in _storable(row):
        batch.repairs.append((row, rule, evidence))
    batch.rows.append(row)


_DECODED, _NOTED = "\x00decoded", "\x00noted"


def _storable(row: Row) -> Iterator[tuple[str, str]]:
    """Replace lone surrogates, which no store and no tokenizer takes."""
    texts = [content for _, content in row.turns]
    texts += [row.id, row.source, row.kind, row.group, row.parent, *row.tags.values()]
    if all(t.isascii() or _encodable(t) for t in texts):
        return
    row.turns = [(role, _mend(content)) for role, content in row.turns]
    row.id, row.source, row.kind = _mend(row.id), _mend(row.source), _mend(row.kind)
    row.group, row.parent = _mend(row.group), _mend(row.parent)
    row.tags = {_mend(k): _mend(v) for k, v in row.tags.items()}
    yield "lone surrogates are replaced by U+FFFD", "half of a surrogate pair"


def _encodable(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _mend(text: str) -> str:
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


# --- records of one file ------------------------------------------------------------------------------------------


def records(path: Path) -> Iterator[Record]:
    """Every record of a file with its line."""
    if path.stat().st_size == 0:
        yield 1, Reject("", "the file is empty"), ""
        return
    suffix = path.suffix.lower()
    if suffix == ".parquet":
        yield from _parquet(path)
    elif suffix in _TABLES:
        yield from _table(path, _TABLES[suffix])
    elif suffix in TEXT_SUFFIXES or suffix in HTML_SUFFIXES or suffix in READERS:
        yield from _document(path)
    elif suffix in _LINES or (suffix == ".json" and _looks_like_lines(path)):
        yield from _json_lines(path)
    elif suffix == ".json":
        yield from _json_document(path)
    else:
        yield 1, Reject("", f"files of type {suffix or 'none'!r} are not read"), ""


def decode(data: bytes) -> tuple[str, str]:
    """Text of a file or line, and which encoding it was in.

    Example:
        >>> decode("né".encode("cp1252")), decode("né".encode("utf-16"))
        (('né', 'cp1252'), ('né', 'utf-16'))
    """
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16", "replace"), "utf-16"
    if data.startswith(b"\xef\xbb\xbf"):
        data = data[3:]
    sample = data[:4096]
    if sample.count(0) > len(sample) // 4:  # before UTF-8, in which NUL is a character too
        little = sample[1::2].count(0) > sample[0::2].count(0)
        return data.decode("utf-16-le" if little else "utf-16-be", "replace"), "utf-16"
    try:
        return data.decode("utf-8"), "utf-8"
    except UnicodeDecodeError:
        pass
    # The five bytes that Windows-1252 leaves undefined become U+FFFD.
    return data.decode("cp1252", "replace"), "cp1252"


def _wide(path: Path) -> bool:
    with path.open("rb") as file:
        head = file.read(4096)
    return head.startswith((b"\xff\xfe", b"\xfe\xff")) or head.count(0) > len(head) // 4


def _looks_like_lines(path: Path) -> bool:
    """Whether a .json file holds one object per line rather than one document."""
    if _wide(path):
        return False
    with path.open("rb") as file:
        first = file.readline(MAX_RECORD_BYTES).removeprefix(b"\xef\xbb\xbf").strip()
        second = file.readline(64).strip()
    if not first.startswith(b"{") or not first.endswith(b"}"):
        return False
    try:
        json.loads(first)
    except ValueError:
        return False
    return second.startswith(b"{")


def _byte_lines(path: Path) -> Iterator[tuple[int, bytes | None]]:
    """Lines with their numbers; None for one longer than `MAX_RECORD_BYTES`, which is skipped without holding it."""
    if _wide(path):
        yield from enumerate((line.encode() for line in decode(path.read_bytes())[0].split("\n")), 1)
        return
    with path.open("rb") as file:
        number = 0
        while line := file.readline(MAX_RECORD_BYTES):
            number += 1
            if len(line) < MAX_RECORD_BYTES or line.endswith(b"\n"):
                yield number, line
                continue
            while (rest := file.readline(MAX_RECORD_BYTES)) and not rest.endswith(b"\n"):
                pass
            yield number, None


def _json_lines(path: Path) -> Iterator[Record]:
    for number, line in _byte_lines(path):
        if line is None:
            yield number, Reject("", f"the line is longer than {MAX_RECORD_BYTES >> 20} MiB"), ""
            continue
        if not line.strip():
            continue
        text, encoding = decode(line)
        record = _loads(text)
        if encoding == "cp1252" and isinstance(record, dict):
            record[_DECODED] = clip(text)
        yield number, record, ""


def _loads(text: str) -> Any:
    try:
        return json.loads(text, parse_constant=lambda _name: None, object_pairs_hook=_once)
    except RecursionError:
        return Reject("", "the JSON is nested too deeply", clip(text))
    except ValueError as error:
        return Reject("", f"not JSON: {error}", clip(text))


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object; of a key that stands twice JSON would silently keep the last."""
    made = dict(pairs)
    if len(made) != len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"the key {clip(next(n for n in names if names.count(n) > 1), 40)!r} stands twice")
    return made


_SPACE = re.compile(r"[\s,]*")
_NEXT = re.compile(r"\}\s*,\s*(?=\{)")


def _json_document(path: Path) -> Iterator[Record]:
    """An array of objects, or an object of objects; a broken element is one reject, what follows is still read."""
    text, encoding = decode(path.read_bytes())
    start = len(text) - len(text.lstrip())
    if text[start : start + 1] == "[":
        for line, record in _array(text, start + 1):
            if encoding == "cp1252" and isinstance(record, dict):
                record[_DECODED] = clip(json.dumps(record, default=str))
            yield line, record, ""
        return
    document = _loads(text)
    if isinstance(document, Reject):
        yield 1, document, ""
        return
    yield from _object(document, text)


def _object(document: Any, text: str) -> Iterator[Record]:
    if not isinstance(document, dict):
        yield 1, Reject("", f"a file of rows must be an array or an object, got {type(document).__name__}"), ""
        return
    lists = [v for v in document.values() if isinstance(v, list) and v and isinstance(v[0], dict)]
    if document and all(isinstance(v, dict) for v in document.values()):
        at = 0
        for name, record in document.items():
            found = text.find(json.dumps(name), at)
            at = found if found >= 0 else at
            yield text.count("\n", 0, at) + 1, record, str(name)
    elif len(lists) == 1 and document.keys().isdisjoint(("messages", "conversations", "prompt")):
        for record in lists[0]:  # {"data": [...]}
            yield 1, record, ""
    else:
        yield 1, document, ""


def _array(text: str, at: int) -> Iterator[tuple[int, Any]]:
    decoder = json.JSONDecoder(parse_constant=lambda _name: None, object_pairs_hook=_once)
    line, counted = 1, 0
    while True:
        at = _SPACE.match(text, at).end()  # type: ignore[union-attr]  # matches the empty string
        line, counted = line + text.count("\n", counted, at), at
        if at >= len(text):
            yield line, Reject("", "the array does not end: the file is cut off")
            return
        if text[at] == "]":
            if rest := text[at + 1 :].strip():
                line += text.count("\n", counted, at + 1)
                yield line, Reject("", "something follows the end of the array", clip(rest))
            return
        try:
            record, at = decoder.raw_decode(text, at)
            yield line, record
        except (ValueError, RecursionError) as error:
            yield line, Reject("", f"not JSON: {error}", clip(text[at : at + 400]))
            following = _NEXT.search(text, at)
            if following is None:
                return
            at = following.end()


def _table(path: Path, delimiter: str) -> Iterator[Record]:
    text, encoding = decode(path.read_bytes())
    if "\x00" in text:
        text = text.replace("\x00", "")
    csv.field_size_limit(MAX_RECORD_BYTES)
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=False)
    header: list[str] | None = None
    empty = True
    while True:
        number = lines.line_num + 1
        try:
            cells = next(lines)
        except StopIteration:
            break
        except csv.Error as error:
            yield number, Reject("", f"not a table: {error}"), ""
            continue
        if not any(c.strip() for c in cells):
            continue
        if header is None:
            header = [c.strip() for c in cells]
            continue
        empty = False
        if len(cells) != len(header):
            why = f"{len(cells)} cells where the header has {len(header)}"
            yield number, Reject("", why, clip(delimiter.join(cells))), ""
            continue
        record: dict[str, Any] = dict(zip(header, cells, strict=True))
        if encoding == "cp1252":
            record[_DECODED] = clip(delimiter.join(cells))
        yield number, record, ""
    if empty:
        yield 1, Reject("", "the file has no rows below its header", clip(delimiter.join(header or ()))), ""


def _document(path: Path) -> Iterator[Record]:
    """The chunks of a document, each with the document's date; siblings have the document as their group."""
    try:
        document, encoding = _read_document(path)
    except Unreadable as error:
        yield 1, Reject("", clip(str(error))), ""
        return
    parts = chunks(document.text)
    for number, part in enumerate(parts, 1):
        record: dict[str, Any] = {"text": part, "date": document.date}
        if len(parts) > 1:
            record["group"] = path.name
        if encoding == "cp1252":
            record[_DECODED] = clip(part)
        if document.note:
            record[_NOTED] = document.note
        yield number, record, ""


def _read_document(path: Path) -> tuple[Document, str]:
    suffix = path.suffix.lower()
    if path.stat().st_size > MAX_DOCUMENT_BYTES:
        raise Unreadable(f"the document is longer than {MAX_DOCUMENT_BYTES >> 20} MiB")
    if suffix in READERS:
        return READERS[suffix](path), ""
    text, encoding = decode(path.read_bytes())
    if suffix in HTML_SUFFIXES:
        return from_html(text), encoding
    return Document(text), encoding


def _parquet(path: Path) -> Iterator[Record]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    number = 0
    try:
        with pq.ParquetFile(path) as file:
            for part in file.iter_batches(batch_size=2048):
                for record in part.to_pylist():
                    number += 1
                    yield number, record, ""
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        yield number + 1, Reject("", f"not Parquet: {clip(str(error))}"), ""


def settle_ids(batch: Batch, ledger: Ledger) -> None:
    """Make ids unique: the second row of an id becomes ``id#2``, with a receipt. Also record what reading mended."""
    taken = {reject.place for reject in batch.rejects}
    last: dict[str, int] = {}
    for row in batch.rows:
        if row.id in taken:
            first, n = row.id, last.get(row.id, 1) + 1
            while f"{first}#{n}" in taken:
                n += 1
            last[first] = n
            row.id = f"{first}#{n}"
            ledger.change(row, "read", "ids are unique", evidence=f"id {first} stands more than once",
                          other=first)  # fmt: skip
        taken.add(row.id)
    for row, rule, evidence in batch.repairs:
        ledger.change(row, "read", rule, code="D08", evidence=evidence)
    for reject in batch.rejects:
        ledger.reject(reject)


def as_mapping(files: Mapping[str, str]) -> dict[str, str]:
    """Files as inputs of a Run: ``file:NAME`` to digest."""
    return {f"file:{name}": digest for name, digest in sorted(files.items())}
