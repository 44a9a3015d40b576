"""Files to rows: every record becomes a row or a recorded reject with its place.

Nothing is lost silently.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tunewell.curate.data_files import find_files
from tunewell.curate.decoding import (
    DECODED,
    NOTED,
    SourceRecord,
)
from tunewell.curate.formats import Misfit, row_of
from tunewell.curate.receipts import Ledger, StepRule
from tunewell.curate.records import records
from tunewell.curate.rows import (
    InputRow,
    Reject,
    clip,
)
from tunewell.errors import DataError
from tunewell.store.files import file_digest
from tunewell.task import DataSource

_UNIQUE = StepRule("read", "ids are unique")


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

    @property
    def first_reject(self) -> str:
        """Place and reason of the first reject; empty if there is none."""
        if not self.rejects:
            return ""
        first = self.rejects[0]
        return f"{first.place}: {first.why}"

    def require_rows(
        self,
        said: str,
        *,
        hint: str,
        place: str = "",
    ) -> None:
        """Raise where nothing became a row.

        Args:
            said: What cannot be read.
            hint: What to do.
            place: Where the files are named.

        Raises:
            DataError: There is no row.
        """
        if self.rows:
            return
        first = f" (first: {self.first_reject})" if self.rejects else ""
        raise DataError(f"{said}{first}", place=place, hint=hint)


def read_source(
    source: DataSource,
    *,
    root: Path,
    batch: ReadResult,
    where: str = "",
) -> None:
    """Read the files of a source into a batch.

    Args:
        source: What to read, and how.
        root: Folder that relative paths start from.
        batch: Filled in.
        where: Line of tunewell.yaml that named the source.

    Raises:
        DataError: A file is not there or may not be read.
    """
    paths = find_files(source, root=root, where=where)
    left = source.limit
    for path in paths:
        file = _SourceFile(path, _place_name(path, paths, root), source, batch)
        taken = file.read(most=left)
        if source.limit:
            left -= taken
            if left == 0:
                return


def _place_name(
    path: Path,
    paths: list[Path],
    root: Path,
) -> str:
    if not path.is_relative_to(root):
        root = Path(os.path.commonpath([each.parent for each in paths]))
    name = path.relative_to(root).as_posix()
    return name.encode("utf-8", "replace").decode()  # names need not be UTF-8


@dataclass(frozen=True)
class _SourceFile:
    """One file that is read.

    Attributes:
        path: Where it is.
        name: What its places are called by.
        source: How to read it.
        batch: Takes rows and rejects.
    """

    path: Path
    name: str
    source: DataSource
    batch: ReadResult

    def read(self, *, most: int) -> int:
        """Take at most so many records (0 = all) and give how many were taken."""
        taken = 0
        try:
            self.batch.files[self.name] = file_digest(self.path)
            for place, record in self._placed_records():
                if isinstance(record.value, Reject):
                    reject = record.value
                    self.batch.rejects.append(Reject(place, reject.why, reject.evidence))
                    continue
                self._take(record, place)
                taken += 1
                if taken == most:
                    break
        except PermissionError as error:
            raise DataError(
                f"{self.path} cannot be read",
                hint=f"check its owner and mode: ls -l {self.path}",
            ) from error
        return taken

    def _placed_records(self) -> Iterator[tuple[str, SourceRecord]]:
        """Each record with its place; of several in a line, ``file:line.2`` is the second."""
        last, nth = 0, 1
        for record in records(self.path):
            nth = nth + 1 if record.line == last else 1
            last = record.line
            place = f"{self.name}:{record.line}"
            yield (place if nth == 1 else f"{place}.{nth}"), record

    def _take(self, record: SourceRecord, place: str) -> None:
        """Make a row of a record, or a reject."""
        value: Any = record.value
        if not isinstance(value, dict):
            why = f"a row must be an object, got {type(value).__name__}"
            self._reject(place, why, value)
            return
        mended, noted = value.pop(DECODED, ""), value.pop(NOTED, "")
        try:
            row = row_of(
                value,
                self.source,
                place=place,
                name=self.source.name or self.path_stem,
                own_id=record.own_id,
            )
        except Misfit as error:
            self._reject(place, str(error), value)
            return

        if mended:
            self._note(row, "text that is not UTF-8 is read as Windows-1252", mended)
        if noted:
            self._note(row, "not everything in the document is read", noted)
        if _mend_surrogates(row):
            rule = "lone surrogates are replaced by U+FFFD"
            self._note(row, rule, "half of a surrogate pair")
        self.batch.rows.append(row)

    @property
    def path_stem(self) -> str:
        """Name of the file without its suffix, as its places write it."""
        return Path(self.name).stem

    def _reject(
        self,
        place: str,
        why: str,
        value: Any,
    ) -> None:
        shown = clip(json.dumps(value, default=str))
        self.batch.rejects.append(Reject(place, why, shown))

    def _note(
        self,
        row: InputRow,
        rule: str,
        evidence: str,
    ) -> None:
        self.batch.repairs.append((row, rule, evidence))


def _mend_surrogates(row: InputRow) -> bool:
    """Replace lone surrogates, which no store and no tokenizer takes; whether there were any."""
    names = (row.id, row.source, row.kind, row.group, row.parent)
    texts = [*(content for _, content in row.turns), *names, *row.tags.values()]
    if all(map(_encodable, texts)):
        return False
    row.id, row.source, row.kind, row.group, row.parent = map(_mend, names)
    row.turns = [(role, _mend(content)) for role, content in row.turns]
    row.tags = {_mend(name): _mend(value) for name, value in row.tags.items()}
    return True


def _encodable(text: str) -> bool:
    if text.isascii():
        return True
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
            first = row.id
            number = last.get(first, 1) + 1
            while f"{first}#{number}" in taken:
                number += 1
            last[first] = number
            row.id = f"{first}#{number}"
            evidence = f"id {first} stands more than once"
            ledger.change(row, _UNIQUE, evidence=evidence, other=first)
        taken.add(row.id)
    for row, rule, evidence in batch.repairs:
        ledger.change(row, StepRule("read", rule, code="D08"), evidence=evidence)
    for reject in batch.rejects:
        ledger.reject(reject)
