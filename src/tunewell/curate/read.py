"""Files to rows: every record becomes a row or a recorded reject with its place.

Nothing is lost silently.
"""

from __future__ import annotations

import glob
import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tunewell.curate.decoding import DECODED, NOTED
from tunewell.curate.formats import Misfit, row_of
from tunewell.curate.records import records
from tunewell.curate.rows import InputRow, Ledger, Reject, clip
from tunewell.curate.unchecked import settle_dates
from tunewell.errors import DataError
from tunewell.store.files import file_digest
from tunewell.task import DataSource


@dataclass
class ReadResult:
    """What was read.

    Attributes:
        rows: In the order of the files.
        rejects: What never became a row.
        files: Place name to SHA-256 of each file.
        repairs: (row, rule, evidence) of what reading itself mended.
    """

    rows: list[InputRow] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)
    files: dict[str, str] = field(default_factory=dict)
    repairs: list[tuple[InputRow, str, str]] = field(default_factory=list)

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
                f"${name} in the path {text!r} is not set",
                place=where,
                hint=f"export {name}=/path/to/data",
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
        raise DataError(
            f"there is no file {path}", place=where, hint="check data.path in tunewell.yaml"
        )
    return sorted(found)


def read_source(source: DataSource, *, root: Path, batch: ReadResult, where: str = "") -> None:
    """Read the files of a source into a batch.

    Args:
        source: What to read, and how.
        root: Folder that relative paths start from.
        batch: Filled in.
        where: Line of tunewell.yaml that named the source.
    """
    paths = find_files(source, root=root, where=where)
    left = source.limit or -1
    before = len(batch.rows)
    for path in paths:
        if left == 0:
            break
        left = _read_file(path, source, _place_name(path, paths, root), batch, left)
    settle_dates(batch.rows[before:])


def _place_name(path: Path, paths: list[Path], root: Path) -> str:
    if not path.is_relative_to(root):
        root = Path(os.path.commonpath([p.parent for p in paths]))
    return (
        path.relative_to(root).as_posix().encode("utf-8", "replace").decode()
    )  # names need not be UTF-8


def _read_file(path: Path, source: DataSource, name: str, batch: ReadResult, left: int) -> int:
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
        raise DataError(
            f"{path} cannot be read", hint=f"check its owner and mode: ls -l {path}"
        ) from error
    return left


def _take(record: Any, source: DataSource, place: str, own_id: str, batch: ReadResult) -> None:
    if not isinstance(record, dict):
        shown = clip(json.dumps(record, default=str))
        batch.rejects.append(
            Reject(place, f"a row must be an object, got {type(record).__name__}", shown)
        )
        return
    mended, noted = record.pop(DECODED, ""), record.pop(NOTED, "")
    try:
        row = row_of(
            record,
            source,
            place=place,
            name=source.name or Path(place.rsplit(":", 1)[0]).stem,
            own_id=own_id,
        )
    except Misfit as error:
        batch.rejects.append(
            Reject(place, str(error), clip(json.dumps(record, default=str, ensure_ascii=True)))
        )
        return
    if mended:
        batch.repairs.append((row, "text that is not UTF-8 is read as Windows-1252", mended))
    if noted:
        batch.repairs.append((row, "not everything in the document is read", noted))
    for rule, evidence in _storable(row):
        batch.repairs.append((row, rule, evidence))
    batch.rows.append(row)


def _storable(row: InputRow) -> Iterator[tuple[str, str]]:
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


def settle_ids(batch: ReadResult, ledger: Ledger) -> None:
    """Make ids unique: the second row of an id becomes ``id#2``, with a receipt.

    Also record what reading mended.
    """
    taken = {reject.place for reject in batch.rejects}
    last: dict[str, int] = {}
    for row in batch.rows:
        if row.id in taken:
            first, n = row.id, last.get(row.id, 1) + 1
            while f"{first}#{n}" in taken:
                n += 1
            last[first] = n
            row.id = f"{first}#{n}"
            ledger.change(
                row,
                "read",
                "ids are unique",
                evidence=f"id {first} stands more than once",
                other=first,
            )
        taken.add(row.id)
    for row, rule, evidence in batch.repairs:
        ledger.change(row, "read", rule, code="D08", evidence=evidence)
    for reject in batch.rejects:
        ledger.reject(reject)


def as_mapping(files: Mapping[str, str]) -> dict[str, str]:
    """Files as inputs of a Run: ``file:NAME`` to digest."""
    return {f"file:{name}": digest for name, digest in sorted(files.items())}
