"""Opens the files: rows, columns, languages, dates, answers."""

from __future__ import annotations

import datetime as dt
import itertools
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from pydantic import Field

from tunewell.curate.first_look.columns import ColumnLook, look_at_columns
from tunewell.curate.reading.data_files import find_files
from tunewell.curate.reading.guess import guess_columns
from tunewell.curate.reading.read import ReadResult, read_source, settle_ids
from tunewell.curate.reading.records import records
from tunewell.curate.receipts import Ledger
from tunewell.curate.rows import InputRow, clip
from tunewell.errors import DataError
from tunewell.task import DataSource, FieldMap
from tunewell.types import Value
from tunewell.types.read_files import KeyUse

MOST_ROWS: Final = 20_000
"""Rows that are looked at of each source."""

SHOWN: Final = 5
"""Rows that are shown."""

_SHOWN_CHARACTERS: Final = 160
_GUESSED_FROM: Final = 2_000
"""Records by which columns are told."""

_MOST_SLICES: Final = 3
_ALMOST_ALL: Final = 0.9
_BRACKETED: Final = re.compile(r"\[([^\[\]\n]{1,40})\]")
_SHORT_LABEL: Final = 40
_MOST_LABEL_WORDS: Final = 5
_MOST_LABELS: Final = 200
_ROWS_PER_LABEL: Final = 4

BRACKETED_PATTERN: Final = r"^\[(.+?)\]"
"""The pattern of a label in brackets before the answer, as metrics take it."""


class SampleRow(Value):
    """A row as it was understood: where it stands, the question, the answer."""

    place: str
    input: str
    target: str


class AnswerLook(Value):
    """What the answers look like.

    Attributes:
        labels: Different labels; 0 where the answers are no labels.
        pattern: How the label is found in an answer; empty where it is the whole answer.
        longest_bytes: Of all answers but the longest in a hundred.
        longest_row_bytes: Of all rows, questions included, but the longest in a hundred.
    """

    labels: int = 0
    pattern: str = ""
    longest_bytes: int = 0
    longest_row_bytes: int = 0


class DataLook(Value):
    """What is in the files.

    Attributes:
        files: Their names.
        rows: Rows that were read.
        unread: Places that could not be read as rows.
        formats: Rows by detected format.
        columns: Columns beside question and answer.
        used: What each column was used for.
        fields: Of each path, which column is what, where the files do not say it themselves.
        guessed: Whether question and answer were guessed.
        sample: The first rows of every file, in turn.
        languages: Languages of the texts, the commonest first, with their shares.
        dated: Rows with a date.
        first: The earliest date.
        last: The latest.
        kinds: Rows by their kind, where they have one.
        turns: Rows with more than one question.
        preferences: Rows with a better and a worse answer.
        heard: Rows with a recording.
        speakers: Different speakers of them.
        speakers_of: The same by the kind of row.
        answers: What the answers look like.
        notes: What to know of how the files were read.
    """

    files: tuple[str, ...]
    rows: int
    unread: int
    formats: Mapping[str, int]
    columns: tuple[ColumnLook, ...]
    used: tuple[KeyUse, ...]
    fields: Mapping[str, FieldMap]
    guessed: bool
    sample: tuple[SampleRow, ...]
    languages: Mapping[str, float] = Field(default_factory=dict)
    dated: int = 0
    first: dt.date | None = None
    last: dt.date | None = None
    kinds: Mapping[str, int] = Field(default_factory=dict)
    turns: int = 0
    preferences: int = 0
    heard: int = 0
    speakers: int = 0
    speakers_of: Mapping[str, int] = Field(default_factory=dict)
    answers: AnswerLook = AnswerLook()
    notes: tuple[str, ...] = ()

    @property
    def hears(self) -> bool:
        """Whether most rows are heard."""
        return self.heard > self.rows / 2

    @property
    def slices(self) -> tuple[str, ...]:
        """Fields by which results may be broken down."""
        found = dict.fromkeys(column.name for column in self.columns if column.role == "slice")
        return tuple(found)[:_MOST_SLICES]


def look_at(paths: Sequence[str], root: Path, *, named: FieldMap = FieldMap()) -> DataLook:  # noqa: B008
    """Open files that nobody has described yet.

    Args:
        paths: As ``data.path`` in tunewell.yaml.
        root: The project's folder.
        named: Columns that the user names.

    Raises:
        DataError: There is no such file, or nothing in it can be read.
    """
    batch = ReadResult()
    fields: dict[str, FieldMap] = {}
    columns: list[ColumnLook] = []
    guessed = False
    for path in paths:
        source = DataSource(path=path, limit=MOST_ROWS, fields=named)
        one = _Source(source, root)
        batch.take(one.read())
        fields[path] = one.fields
        columns += one.columns
        guessed = guessed or one.guessed
    _require_rows(batch, paths)
    settle_ids(batch, Ledger())
    return _described(batch, fields, columns, guessed=guessed)


def _require_rows(batch: ReadResult, paths: Sequence[str]) -> None:
    """Raise where nothing became a row, with a hint for whoever begins a project."""
    try:
        batch.require_rows(
            f"none of {batch.read} input rows of {', '.join(paths)} can be read",
            hint="name your columns: tunewell init --data FILE --input QUESTION --target ANSWER",
        )
    except DataError as error:
        hint = error.hint.replace("tunewell doctor FILE", "tunewell init --data FILE")
        raise DataError(error.message, place=error.place, hint=hint) from None


class _Source:
    """One source: read as it is, then again with what its columns look like."""

    def __init__(self, source: DataSource, root: Path) -> None:
        self._root = root
        self._source = source
        self.fields = source.fields
        self.columns: list[ColumnLook] = []
        self.guessed = False

    def read(self) -> ReadResult:
        """The rows, with ids, dates, groups and tags from the columns that look so."""
        values = list(itertools.islice(self._raw(), _GUESSED_FROM))
        plain = self._read_with(self.fields)
        if not plain.rows:
            guess = guess_columns(values)
            if guess is None:
                return plain
            self.guessed = True
            self.fields = self.fields.model_copy(update={"input": guess[0], "target": guess[1]})
            plain = self._read_with(self.fields)
        used = {use.key for use in plain.keys if use.is_used}
        self.columns = look_at_columns(values, but=used)
        told = self._told(plain)
        if told == self.fields:
            return plain
        better = self._read_with(told)
        if len(better.rows) < len(plain.rows):
            return plain
        self.fields = told
        return better

    def _raw(self) -> Iterator[Mapping[str, Any]]:
        for path in find_files(self._source, root=self._root, where=""):
            for record in records(path):
                if isinstance(record.value, dict):
                    yield record.value

    def _read_with(self, fields: FieldMap) -> ReadResult:
        batch = ReadResult()
        source = self._source.model_copy(update={"fields": fields})
        read_source(source, root=self._root, batch=batch)
        return batch

    def _told(self, plain: ReadResult) -> FieldMap:
        """The fields with what the columns look like; what the reader knows itself stays."""
        known = {use.use for use in plain.keys}
        told: dict[str, Any] = {}
        for role in ("id", "date", "group"):
            names = [column.name for column in self.columns if column.role == role]
            if names and role not in known and not getattr(self.fields, role):
                told[role] = names[0]
        slices = [column.name for column in self.columns if column.role == "slice"]
        if slices:
            told["tags"] = (*self.fields.tags, *slices[:_MOST_SLICES])
        return self.fields.model_copy(update=told)


def _described(
    batch: ReadResult,
    fields: Mapping[str, FieldMap],
    columns: Sequence[ColumnLook],
    *,
    guessed: bool,
) -> DataLook:
    rows = batch.rows
    days = sorted(row.date for row in rows if row.date is not None)
    return DataLook(
        files=tuple(batch.files),
        rows=len(rows),
        unread=len(batch.rejects),
        formats=dict(Counter(row.format for row in rows)),
        columns=tuple(columns),
        used=tuple(batch.keys),
        fields=fields,
        guessed=guessed,
        sample=tuple(map(_shown, _first_of_each_file(rows))),
        languages=_languages(rows),
        dated=len(days),
        first=days[0] if days else None,
        last=days[-1] if days else None,
        kinds=dict(Counter(row.kind for row in rows if row.kind).most_common()),
        turns=sum(len([1 for role, _ in row.turns if role == "user"]) > 1 for row in rows),
        preferences=sum(len(row.rejected) > 0 for row in rows),
        heard=sum(bool(row.clip) for row in rows),
        speakers=len({row.group for row in rows if row.clip and row.group}),
        speakers_of=_speakers_of(rows),
        answers=answers_of(rows),
        notes=tuple(batch.said()),
    )


def _first_of_each_file(rows: Sequence[InputRow]) -> list[InputRow]:
    """The first rows of every file in turn: one file says little of the others."""
    seen: Counter[str] = Counter()
    turns = []
    for number, row in enumerate(rows):
        file = row.place.rpartition(":")[0]
        turns.append((seen[file], number))
        seen[file] += 1
    return [rows[number] for _, number in sorted(turns)[:SHOWN]]


def _speakers_of(rows: Sequence[InputRow]) -> dict[str, int]:
    """Different speakers by the kind of what they say."""
    heard = {(row.kind, row.group) for row in rows if row.clip and row.group}
    return dict(Counter(kind for kind, _ in heard).most_common())


def _shown(row: InputRow) -> SampleRow:
    return SampleRow(
        place=row.place,
        input="a recording" if row.clip else clip(row.input, _SHOWN_CHARACTERS),
        target=clip(row.target, _SHOWN_CHARACTERS),
    )


def _languages(rows: Sequence[InputRow]) -> dict[str, float]:
    """Share of the texts by language, of those whose language is certain."""
    from tunewell.checks.language import certain_language, language_shares

    known: Counter[str] = Counter()
    for row in rows:
        for text in (row.input, row.target):
            code = certain_language(language_shares(text))
            if code:
                known[code] += 1
    total = known.total()
    return {code: round(count / total, 3) for code, count in known.most_common()}


def answers_of(rows: Sequence[InputRow]) -> AnswerLook:
    """Whether answers are labels, and how long they are."""
    answers = [row.target.strip() for row in rows if row.target.strip()]
    if not answers:
        return AnswerLook()
    sizes = sorted(len(answer.encode()) for answer in answers)
    whole = sorted(len((row.input + row.target).encode()) for row in rows)
    labels, pattern = _labels(answers)
    return AnswerLook(
        labels=labels,
        pattern=pattern,
        longest_bytes=sizes[int(0.99 * (len(sizes) - 1))],
        longest_row_bytes=whole[int(0.99 * (len(whole) - 1))],
    )


def _labels(answers: Sequence[str]) -> tuple[int, str]:
    """How many labels there are, and how they are found in the answers; (0, "") if none are."""
    found = [match[1] for match in map(_BRACKETED.match, answers) if match]
    if len(found) >= _ALMOST_ALL * len(answers) and _are_labels(found):
        return len(set(found)), BRACKETED_PATTERN
    short = [
        answer
        for answer in answers
        if len(answer) <= _SHORT_LABEL and len(answer.split()) <= _MOST_LABEL_WORDS
    ]
    if len(short) >= _ALMOST_ALL * len(answers) and _are_labels(short):
        return len(set(short)), ""
    return 0, ""


def _are_labels(answers: Sequence[str]) -> bool:
    different = len(set(answers))
    return 2 <= different <= min(_MOST_LABELS, len(answers) // _ROWS_PER_LABEL)
