"""Files to rows: every record becomes a row or a recorded reject with its place.

Nothing is lost silently.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tunewell.curate.reading.clips import ClipFinder, Clips
from tunewell.curate.reading.columns import AmbiguousColumns, Misfit
from tunewell.curate.reading.data_files import (
    described,
    find_files,
    held_out_files,
    is_about_data,
    is_test_name,
    set_of,
)
from tunewell.curate.reading.formats import RowReader
from tunewell.curate.reading.key_use import KeyCount
from tunewell.curate.reading.media_columns import is_recording
from tunewell.curate.reading.packed import archived, is_archive
from tunewell.curate.reading.records import HINT_TRANSCRIPTS, records
from tunewell.curate.reading.source_record import NOT_A_ROW, SourceRecord
from tunewell.curate.receipts import Ledger, StepRule
from tunewell.curate.rows import InputRow, Reject, clip
from tunewell.curate.unchecked import settle_dates
from tunewell.errors import DataError
from tunewell.store.files import file_digest
from tunewell.task import DataSource
from tunewell.types.read_files import KeyUse, ReadFile, ReadingReport
from tunewell.types.turns import conversation_id

_FEW = 0.01
"""Share of the rows of a file that may leave open which of their columns is the answer."""

_UNIQUE = StepRule("read", "ids are unique")


@dataclass
class ReadResult:
    """What was read.

    Attributes:
        rows: In the order of the files.
        rejects: What never became a row.
        files: Place name to SHA-256 of each file.
        repairs: (row, rule, evidence) of what reading itself mended.
        keys: What the columns and keys of each file were used for.
        accounts: What became of the bytes of each file.
        notes: What the user should know of how the files were read.
        shared: Of each file, which of id, group and parent it shares with other files.
        kept: Columns that the definition speaks of (slices, exceptions): tags, if nothing else.
        clips: The recordings of rows that are heard.
    """

    rows: list[InputRow] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)
    files: dict[str, str] = field(default_factory=dict)
    repairs: list[tuple[InputRow, str, str]] = field(default_factory=list)
    keys: list[KeyUse] = field(default_factory=list)
    accounts: list[ReadFile] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    shared: dict[str, tuple[str, ...]] = field(default_factory=dict)
    kept: frozenset[str] = frozenset()
    clips: Clips = field(default_factory=Clips)

    @property
    def lost_rows(self) -> int:
        """How many rows may have been lost in the rejects."""
        return sum(reject.rows for reject in self.rejects)

    @property
    def lost_share(self) -> float:
        """The share of the input that could not be read: of rows or of bytes, whichever is more."""
        whole = len(self.rows) + self.lost_rows
        of_rows = self.lost_rows / whole if whole else 0.0
        lost = sum(account.lost_bytes for account in self.accounts)
        held = lost + sum(account.row_bytes for account in self.accounts)
        return max(of_rows, lost / held if held else 0.0)

    @property
    def unused_keys(self) -> list[KeyUse]:
        """Columns and keys that hold something and are in no row."""
        return [each for each in self.keys if not each.is_used]

    @property
    def read(self) -> int:
        """Input rows, rejects included."""
        return len(self.rows) + len(self.rejects)

    def take(self, other: ReadResult) -> None:
        """Take what was read besides."""
        self.rows += other.rows
        self.rejects += other.rejects
        self.files |= other.files
        self.repairs += other.repairs
        self.keys += other.keys
        self.accounts += other.accounts
        self.notes += other.notes
        self.shared |= other.shared
        self.clips.take(other.clips)

    def said(self) -> list[str]:
        """The notes, and what the rows themselves ask the user to know before training."""
        return [*self.notes, *notes_on(self.rows)]

    def places(self) -> list[str]:
        """Where each row and each reject stands."""
        rows = [row.place for row in self.rows]
        return rows + [reject.place for reject in self.rejects]

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
        hints = [reject.hint for reject in self.rejects if reject.hint]
        raise DataError(f"{said}{first}", place=place, hint=hints[0] if hints else hint)


def reading_report(batch: ReadResult) -> ReadingReport:
    """How a batch was read."""
    return ReadingReport(
        files=tuple(batch.accounts),
        columns=tuple(batch.keys),
        notes=tuple(batch.said()),
    )


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
    tests = held_out_files(source, paths)
    if tests:
        common = Path(os.path.commonpath([path.parent for path in paths]))
        names = ", ".join(sorted(path.relative_to(common).as_posix() for path in tests)[:5])
        batch.notes.append(
            f"{len(tests)} of {len(paths)} files are named as a test set and are not trained on: "
            f"{clip(names, 200)} (give them as data of their own with role: train to train on them)"
        )
    before = len(batch.rows)
    _read_files(source, paths, tests, root, batch)
    settle_dates(batch.rows[before:])


def _read_files(
    source: DataSource,
    paths: list[Path],
    tests: Collection[Path],
    root: Path,
    batch: ReadResult,
) -> None:
    """Read files until the source's limit of rows is reached."""
    left = source.limit
    recordings = [path for path in paths if is_recording(path.name)]
    others = [path for path in paths if not is_recording(path.name)]
    for path in others or paths:
        own = described(source, path)
        if path in tests:
            own = own.model_copy(update={"role": "test"})
        name = _place_name(path, paths, root)
        for member, read in _members(path):
            file = _SourceFile(path, f"{name}/{member}" if member else name, own, batch)
            file.finder.folder = root / source.audio if source.audio else None
            taken = file.read(read, most=left)
            if source.limit:
                left -= taken
                if left == 0:
                    return
    if others:
        _reject_unnamed(recordings, paths, root, batch)


def _reject_unnamed(
    recordings: Sequence[Path],
    paths: list[Path],
    root: Path,
    batch: ReadResult,
) -> None:
    """Reject the recordings of a folder that no row names: their words stand nowhere."""
    for path in recordings:
        if path.resolve() in batch.clips.named:
            continue
        name = _place_name(path, paths, root)
        size = path.stat().st_size
        why = "no row names this recording"
        batch.rejects.append(Reject(f"{name}:1", why, size=size, hint=HINT_TRANSCRIPTS))
        account = ReadFile(name=clip(name, 200), rejects=1, lost_rows=1, size=size, lost_bytes=size)
        batch.accounts.append(account)


def _members(path: Path) -> Iterator[tuple[str, Iterator[SourceRecord]]]:
    """The records of a file; of an archive, of each file in it."""
    if is_archive(path):
        for member, found in archived(path, records):
            if not is_about_data(Path(member)):
                yield member, found
        return
    yield "", _records_of(path)


def _records_of(path: Path) -> Iterator[SourceRecord]:
    """The records of a file.

    Raises:
        DataError: It may not be read.
    """
    try:
        yield from records(path)
    except PermissionError as error:
        raise DataError(
            f"{path} cannot be read",
            hint=f"check its owner and mode: ls -l {path}",
        ) from error


def _place_name(
    path: Path,
    paths: list[Path],
    root: Path,
) -> str:
    if not path.is_relative_to(root):
        root = Path(os.path.commonpath([each.parent for each in paths]))
    name = path.relative_to(root).as_posix()
    return name.encode("utf-8", "replace").decode()  # names need not be UTF-8


@dataclass
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
    keys: KeyCount = field(default_factory=KeyCount)
    sizes: Counter[str] = field(default_factory=Counter)
    finder: ClipFinder = field(init=False)
    _encodings: Counter[str] = field(default_factory=Counter)
    _unclear: list[tuple[str, AmbiguousColumns]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.finder = ClipFinder(self.path, self.batch.clips)

    def read(self, found: Iterator[SourceRecord], *, most: int) -> int:
        """Take at most so many records (0 = all) and give how many were taken."""
        batch = self.batch
        first_row, first_reject = len(batch.rows), len(batch.rejects)
        name = self.source.name or Path(self.name).stem
        self._reader = RowReader.of(self.source, name, kept=batch.kept, finder=self.finder)
        taken = 0
        try:
            batch.files[self.name] = file_digest(self.path)
        except PermissionError as error:
            raise DataError(
                f"{self.path} cannot be read",
                hint=f"check its owner and mode: ls -l {self.path}",
            ) from error
        for place, record in self._placed(found):
            taken += self._take(record, place)
            if taken == most and most:
                break
        self._count_choices_from_one(first_row, first_reject)
        self._require_one_answer(taken)
        self._close(first_row, first_reject)
        return taken

    def _require_one_answer(self, taken: int) -> None:
        """Refuse a file whose columns leave open which is the answer: only the user can say it.

        A few such rows are rejects like others.

        Raises:
            DataError: There are more of them than a file may have rejects.
        """
        if not self._unclear or len(self._unclear) <= _FEW * taken:
            return
        place, first = self._unclear[0]
        rows = f"{len(self._unclear)} of {taken} rows"
        raise DataError(f"in {rows}, {first}", place=place, hint=first.hint)

    def _placed(self, found: Iterator[SourceRecord]) -> Iterator[tuple[str, SourceRecord]]:
        """Each record with its place; of several in a line, ``file:line.2`` is the second."""
        last, nth = 0, 1
        for record in found:
            if record.value is NOT_A_ROW:
                self.sizes["other"] += record.size
                self.keys.note_beside(record.beside or {})
                continue
            nth = nth + 1 if record.line == last else 1
            last = record.line
            name = f"{self.name}/{record.split}" if record.split else self.name
            place = f"{name}:{record.line}"
            yield (place if nth == 1 else f"{place}.{nth}"), record

    def _take(self, record: SourceRecord, place: str) -> int:
        """Make a row of a record, or a reject; 1 if it was a record at all."""
        value: Any = record.value
        if isinstance(value, Reject):
            self.sizes["lost"] += record.size
            self.batch.rejects.append(replace(value, place=place))
            return 0
        if not isinstance(value, dict):
            why = f"a row must be an object, got {type(value).__name__}"
            self._reject(record, place, why, "write each row as an object with named columns")
            return 1
        self._reader.is_document = record.is_document
        columns = self._reader.columns(value)
        try:
            row = self._reader.row(columns, place=place, own_id=record.own_id)
        except Misfit as error:
            if isinstance(error, AmbiguousColumns):
                self._unclear.append((place, error))
            self._reject(record, place, str(error), error.hint)
            return 1

        row.file = self.name
        row.held = row.held or (record.split != "" and is_test_name(record.split))
        self.sizes["row"] += record.size
        if not record.is_document:
            self.keys.note(columns)
            self.keys.note_turns(self._reader.turns.unused)
        self._note_repairs(row, record)
        self.batch.rows.append(row)
        return 1

    def _note_repairs(self, row: InputRow, record: SourceRecord) -> None:
        if record.encoding:
            self._encodings[record.encoding] += 1
            text = clip(json.dumps(record.value, default=str, ensure_ascii=False))
            rule = f"text that is not UTF-8 is read as {record.encoding}"
            self._note(row, rule, text)
        if record.note:
            self._note(row, "not everything in the document is read", record.note)
        if _mend_surrogates(row):
            rule = "lone surrogates are replaced by U+FFFD"
            self._note(row, rule, "half of a surrogate pair")

    def _reject(self, record: SourceRecord, place: str, why: str, hint: str) -> None:
        shown = clip(json.dumps(record.value, default=str)[:2_000])
        self.sizes["lost"] += record.size
        self.batch.rejects.append(Reject(place, why, shown, size=record.size, hint=hint))

    def _count_choices_from_one(self, first_row: int, first_reject: int) -> None:
        """Read the file again if its answers show that it counts choices from 1."""
        choices = self._reader.choices
        if not choices.counts_from_one:
            return
        del self.batch.rows[first_row:]
        del self.batch.rejects[first_reject:]
        self.sizes.clear()
        self._unclear.clear()
        self._encodings.clear()
        self.keys = KeyCount()
        choices.first = 1
        for place, record in self._placed(records(self.path)):
            self._take(record, place)

    def _close(self, first_row: int, first_reject: int) -> None:
        """Note what became of the file, and how many rows may be lost in it."""
        batch, sizes = self.batch, self.sizes
        rows = len(batch.rows) - first_row
        mean = sizes["row"] / rows if rows else 0.0
        for place in range(first_reject, len(batch.rejects)):
            reject = batch.rejects[place]
            lost = max(reject.rows, round(reject.size / mean)) if mean else reject.rows
            batch.rejects[place] = replace(reject, rows=lost)
        rejects = batch.rejects[first_reject:]
        for encoding, count in self._encodings.items():
            said = f"the text of {count} rows is not UTF-8 and is read as {encoding}"
            batch.notes.append(f"{clip(self.name, 200)}: {said}")
        batch.keys += self.keys.uses(self.name)
        batch.shared[self.name] = self.source.fields.shared
        account = self.finder.account(self.name)
        if account is not None:
            batch.accounts.append(account)
        if self.finder.has_read:
            # A speaker is the same person in every list of a corpus.
            batch.shared[self.name] = (*self.source.fields.shared, "group")
        batch.accounts.append(
            ReadFile(
                name=clip(self.name, 200),
                rows=rows,
                rejects=len(rejects),
                lost_rows=sum(reject.rows for reject in rejects),
                size=sizes.total(),
                row_bytes=sizes["row"],
                lost_bytes=sizes["lost"],
                other_bytes=sizes["other"],
                is_test=self.source.role == "test",
            )
        )

    def _note(self, row: InputRow, rule: str, evidence: str) -> None:
        self.batch.repairs.append((row, rule, evidence))


def notes_on(rows: Sequence[InputRow]) -> list[str]:
    """What the user should know of rows before training on them."""
    notes = []
    pairs = sum(len(row.rejected) > 0 for row in rows)
    if pairs:
        notes.append(
            f"{pairs} of {len(rows)} rows are preferences (a better and a worse answer): training "
            "does not learn from preferences yet; train.preferences: chosen learns the better "
            "answer, and the rejected one is never a target"
        )
    bad = sum(row.label == "bad" for row in rows)
    if bad:
        notes.append(
            f"{bad} of {len(rows)} rows are marked as bad answers: they are never trained on as "
            "good ones; training does not learn from such marks yet"
        )
    return notes


def _mend_surrogates(row: InputRow) -> bool:
    """Replace lone surrogates, which no store and no tokenizer takes; whether there were any."""
    names = (row.id, row.source, row.kind, row.group, row.parent)
    texts = [*row.texts, *row.asides, *names, row.tools, *row.tags.values()]
    if all(map(_encodable, texts)):
        return False
    row.set_texts([_mend(text) for text in (*row.texts, *row.asides)])
    row.tools = _mend(row.tools)
    row.id, row.source, row.kind, row.group, row.parent = map(_mend, names)
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

    So does a row whose id is what an answer of another row is called (see `target_id`).

    Groups and parents that occur in several files are kept apart, unless they are declared shared:
    two files that both count from 1 speak of different things. Also record what reading mended.
    """
    ids = _Ids(batch)
    names: dict[tuple[str, str], str] = {}
    for row in batch.rows:
        own = set_of(row.file), row.id
        first = row.id
        why = ids.refusal(row)
        if why:
            row.id = ids.free(row)
            ledger.change(row, _UNIQUE, evidence=why, other=first)
        names.setdefault(own, row.id)
        ids.take(row)
    _settle_parents(batch, names)
    _settle_groups(batch)
    for row, rule, evidence in batch.repairs:
        ledger.change(row, StepRule("read", rule, code="D08"), evidence=evidence)
    for reject in batch.rejects:
        ledger.reject(reject)


class _Ids:
    """Which ids are taken: by rows, by places of rejects, and by the answers of conversations.

    The second answer of ``a`` is called ``a#2``: no row may be called so too.

    Args:
        batch: What was read.
    """

    def __init__(self, batch: ReadResult) -> None:
        self._taken = {reject.place for reject in batch.rejects}
        self._last: dict[str, int] = {}
        self._answers: dict[str, int] = {}
        for row in batch.rows:
            several = row.roles.count("assistant")
            if several > 1:
                self._answers[row.id] = max(several, self._answers.get(row.id, 0))

    def refusal(self, row: InputRow) -> str:
        """Why a row cannot keep its id; empty if it can."""
        if row.id in self._taken:
            return f"id {row.id} appears more than once"
        if self._is_answer(row.id):
            return f"id {row.id} is what an answer of {conversation_id(row.id)} is called"
        return ""

    def _is_answer(self, id: str) -> bool:
        conversation = conversation_id(id)
        if conversation == id:
            return False
        number = int(id[len(conversation) + 1 :])
        return number <= self._answers.get(conversation, 0)

    def free(self, row: InputRow) -> str:
        """An id for a row that cannot keep its own: ``id#2``, or the first after it."""
        number = self._last.get(row.id, 1) + 1
        while not self._is_free(f"{row.id}#{number}"):
            number += 1
        self._last[row.id] = number
        return f"{row.id}#{number}"

    def _is_free(self, id: str) -> bool:
        return id not in self._taken and not self._is_answer(id)

    def take(self, row: InputRow) -> None:
        """A row is called so from now on."""
        self._taken.add(row.id)


def _settle_parents(batch: ReadResult, names: Mapping[tuple[str, str], str]) -> None:
    """A parent is the row of this id in the same file, where there is one."""
    for row in batch.rows:
        if row.parent and "parent" not in batch.shared.get(row.file, ()):
            row.parent = names.get((set_of(row.file), row.parent), row.parent)


def _settle_groups(batch: ReadResult) -> None:
    """Keep apart groups of one name in several files."""
    files: dict[str, set[str]] = {}
    for row in batch.rows:
        if row.group and "group" not in batch.shared.get(row.file, ()):
            files.setdefault(row.group, set()).add(set_of(row.file))
    several = {group for group, found in files.items() if len(found) > 1}
    if not several:
        return
    for row in batch.rows:
        if row.group in several and "group" not in batch.shared.get(row.file, ()):
            row.group = f"{set_of(row.file)}: {row.group}"
    batch.notes.append(
        f"{len(several)} groups have one name in several files and are kept apart (such as "
        f"{clip(min(several), 60)!r}); if they are the same, set data[].fields: {{shared: [group]}}"
    )
