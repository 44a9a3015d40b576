"""Records of tables in text: which signs divide them is proved over all rows.

A quote that is never closed loses its own line only.
"""

from __future__ import annotations

import csv
import itertools
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tunewell.curate.reading.columns import plain_key
from tunewell.curate.reading.encoding import Encoding, encoding_of, text_in
from tunewell.curate.reading.judged import PAIRS
from tunewell.curate.reading.known_columns import ANSWERS, ASKED, TURNS
from tunewell.curate.reading.source_record import (
    MAX_RECORD_BYTES,
    NOT_A_ROW,
    SourceRecord,
    nothing,
    rejected,
)
from tunewell.plurals import plural

_DELIMITERS = (",", ";", "\t", "|", "^", "\x01")
_LINE = re.compile(r"[^\r\n]*(?:\r\n|\n|\r)|[^\r\n]+")
_MOST_LINES = 2_000
"""Lines of one record; a quote that is open longer is not closed."""

_PROOF_LINES = 20_000
"""Lines over which a dialect is proved."""

_SURE = 0.9
"""Share of rows with as many cells as the header from which a dialect is proved."""

_HINT_QUOTE = "close the quote, or double it within a cell"
_HINT_AGAIN = "leave the line out: files that were joined have a header each"
_HINT_ROWS = "give a file that holds rows"

_SENTENCE = re.compile(r"\w+\s+\w+.*[.?!。？！]$|(\w+\s+){9}", re.DOTALL)
"""What stands in no name of a column."""

_KNOWN = frozenset({*ASKED, *ANSWERS, *TURNS, *itertools.chain(*PAIRS), "id", "system", "label"})


@dataclass(frozen=True)
class Dialect:
    """How a table is written.

    Attributes:
        delimiter: Between cells.
        quote: Around cells.
        escape: Before a quote within a cell; a doubled quote if empty.
    """

    delimiter: str = ","
    quote: str = '"'
    escape: str = ""

    def cells(self, lines: Sequence[str], at: int) -> tuple[list[str], int]:
        """The cells of the record that begins in a line, and the line behind it.

        Raises:
            csv.Error: A quote is not closed, or something follows a closed one.
        """
        line = lines[at]
        if self.quote not in line and not self.escape:
            return line.rstrip("\r\n").split(self.delimiter), at + 1
        reader = csv.reader(
            itertools.islice(lines, at, at + _MOST_LINES),
            delimiter=self.delimiter,
            quotechar=self.quote,
            escapechar=self.escape or None,
            doublequote=not self.escape,
            strict=True,
        )
        cells = next(reader)
        return cells, at + reader.line_num

    def literal(self, line: str) -> list[str]:
        """The cells of a line in which quotes mean nothing but around a whole cell."""
        cells = line.rstrip("\r\n").split(self.delimiter)
        return [self._unquoted(cell) for cell in cells]

    def loose(self, line: str) -> list[str]:
        """The cells of a line in which a quote ends a cell only before a delimiter; none if unsure.

        Example:
            >>> Dialect().loose('"cars "in stock" now, if any.",2')
            ['cars "in stock" now, if any.', '2']
        """
        quote, end = re.escape(self.quote), rf"(?:{re.escape(self.delimiter)}|$)"
        plain = rf"[^{quote}{re.escape(self.delimiter)}]*"
        cell = re.compile(rf"(?:{quote}(.*?){quote}|({plain})){end}")
        text = line.rstrip("\r\n")
        found: list[str] = []
        match = cell.match(text)
        while match is not None:
            quoted = match[1]
            found.append(match[2] if quoted is None else quoted.replace(2 * self.quote, self.quote))
            if not match[0].endswith(self.delimiter):
                return found
            match = cell.match(text, match.end())
        return []

    def _unquoted(self, cell: str) -> str:
        quote = self.quote
        inner = cell[1:-1]
        if len(cell) > 1 and cell.startswith(quote) and cell.endswith(quote) and quote not in inner:
            return inner
        return cell


@dataclass(frozen=True)
class _Proof:
    """How well a dialect fits a table.

    Attributes:
        dialect: The dialect.
        known: How many names of its header are known.
        share: Share of the rows that have as many cells as the header.
        columns: How many cells the header has.
    """

    dialect: Dialect
    known: int
    share: float
    columns: int

    @property
    def rank(self) -> tuple[bool, float, int, int]:
        """The higher, the better it fits."""
        fits = self.columns > 1
        return fits, round(self.share, 2) if fits else 0.0, min(self.known, 2), self.columns

    @property
    def is_sure(self) -> bool:
        """Whether nobody would read the table otherwise."""
        return self.known >= 2 and self.share >= _SURE


def prove(lines: Sequence[str], default: str) -> _Proof:
    """The dialect in which most rows have as many cells as the header."""
    lines = lines[:_PROOF_LINES]
    text_has = {sign: any(sign in line for line in lines[:200]) for sign in ("'", '"', '\\"')}
    quotes = ['"'] if text_has['"'] or not text_has["'"] else ['"', "'"]
    escapes = ["", "\\"] if text_has['\\"'] else [""]
    delimiters = sorted(_DELIMITERS, key=lambda sign: sign != default)
    proofs = []
    for delimiter in delimiters:
        if delimiter in lines[0]:
            for quote, escape in itertools.product(quotes, escapes):
                proofs.append(_proof(Dialect(delimiter, quote, escape), lines))
    best = max(proofs, key=lambda proof: proof.rank, default=None)
    return best or _Proof(Dialect(default), 0, 0.0, 1)


def _proof(dialect: Dialect, lines: Sequence[str]) -> _Proof:
    counts: Counter[int] = Counter()
    header: list[str] = []
    at = 0
    while at < len(lines):
        try:
            cells, at = dialect.cells(lines, at)
        except csv.Error:
            counts[-1] += 1
            at += 1
            continue
        if not header:
            header = cells
        elif any(cell.strip() for cell in cells):
            counts[len(cells)] += 1
    share = counts[len(header)] / counts.total() if counts else 1.0
    known = sum(plain_key(name.strip("\ufeff ")) in _KNOWN for name in header)
    return _Proof(dialect, known, share, len(header))


def looks_like_table(text: str) -> bool:
    """Whether text is surely a table, whatever its file is called."""
    lines = [line for line in _LINE.findall(text) if line.strip()]
    return len(lines) > 1 and prove(lines, ",").is_sure


def table(path: Path, delimiter: str) -> Iterator[SourceRecord]:
    """A record for every row below the header."""
    data = path.read_bytes()
    encoding = encoding_of(data)
    text, legacy = text_in(data, encoding)
    csv.field_size_limit(MAX_RECORD_BYTES)
    left = len(data)
    line = 1
    for record in _Table(text.replace("\x00", ""), delimiter, legacy, encoding).records():
        size = min(record.size, left)  # of a damaged sign in UTF-16 only a part may be there
        left -= size
        line = record.line
        yield replace(record, size=size)
    yield nothing(line, left)


class _Table:
    """A table row by row.

    Args:
        text: All of it.
        delimiter: What its suffix promises.
        legacy: What its encoding is called, if that is no Unicode.
        encoding: Its encoding.
    """

    def __init__(
        self,
        text: str,
        delimiter: str,
        legacy: str,
        encoding: Encoding,
    ) -> None:
        self._encoding = encoding
        self._legacy = legacy
        self._lines: list[str] = _LINE.findall(text)
        self._header: list[str] = []
        self._names: list[str] = []
        self._is_damaged = False
        said = re.match(r"sep=(.)\r?\n?$", self._lines[0]) if self._lines else None
        self._first = 1 if said else 0
        while self._first < len(self._lines) and not self._lines[self._first].strip():
            self._first += 1
        body = self._lines[self._first :]
        self._dialect = prove(body, said[1] if said else delimiter).dialect if body else Dialect()

    def records(self) -> Iterator[SourceRecord]:
        """Every row, and what is lost."""
        at = self._first
        is_empty = True
        while at < len(self._lines):
            had_header = len(self._header) > 0
            record, at = self._at(at)
            is_empty &= not had_header or record.value is NOT_A_ROW
            yield record
        if is_empty and self._header:
            header = self._dialect.delimiter.join(self._header)
            yield rejected(1, "the file has no rows below its header", header, hint=_HINT_ROWS)

    def _at(self, at: int) -> tuple[SourceRecord, int]:
        """What stands at a line, and the line behind it."""
        try:
            cells, end = self._dialect.cells(self._lines, at)
        except csv.Error:
            return self._open(at), at + 1
        if not self._header:
            return self._take_header(cells, at, end), end
        if not any(cell.strip() for cell in cells):
            return self._nothing(at, end), end
        return self._row(cells, at, end)

    def _take_header(self, cells: list[str], at: int, end: int) -> SourceRecord:
        self._header = [cell.strip().strip("\ufeff") for cell in cells]
        if end > at + 1 or self._dialect.quote in "".join(self._header):
            self._names = self._header
            return self._reject(at, end, "a quote in the header is not closed", hint=_HINT_QUOTE)
        twice = self._take_names()
        if twice:
            why = f"the column {twice!r} appears {self._header.count(twice)} times in the header"
            return self._reject(at, end, why, hint="give each column a name of its own")
        if self._is_no_header():
            why = "the first line looks like a row, not like the names of columns"
            hint = "put a line with their names in front, such as: question,answer"
            return self._reject(at, end, why, hint=hint)
        return self._nothing(at, end)

    def _take_names(self) -> str:
        """Give each column a name of its own; the first name that appears twice, or nothing."""
        seen: Counter[str] = Counter()
        for place, name in enumerate(self._header, 1):
            seen[name] += 1
            own = name or f"column {place}"
            self._names.append(own if seen[name] == 1 or not name else f"{own}#{seen[name]}")
        return next((name for name, n in seen.items() if n > 1 and name), "")

    def _is_no_header(self) -> bool:
        """Whether no name is known, and one is a sentence."""
        if any(plain_key(name) in _KNOWN for name in self._header):
            return False
        return any(_SENTENCE.search(name) for name in self._header)

    def _row(self, cells: list[str], at: int, end: int) -> tuple[SourceRecord, int]:
        wanted = len(self._names)
        while len(cells) > wanted and not cells[-1].strip():
            cells.pop()
        stripped = [cell.strip() for cell in cells]
        if stripped == self._header:
            return self._reject(at, end, "the header is repeated", hint=_HINT_AGAIN), end
        if self._is_damaged and self._is_rest(at):
            why = "the rest of a row whose quote is not closed"
            return self._reject(at, end, why, hint=_HINT_QUOTE), end
        if len(cells) == wanted:
            self._is_damaged = False
            return self._record(cells, at, end), end
        if end > at + 1 and self._stands_alone(at + 1):
            return self._open(at), at + 1
        why = f"{plural(len(cells), 'cell')} where the header has {wanted}"
        hint = f"quote cells that hold {self._dialect.delimiter!r}, or fix the line"
        return self._reject(at, end, why, hint=hint), end

    def _is_rest(self, at: int) -> bool:
        quotes: int = self._lines[at].count(self._dialect.quote)
        return quotes % 2 == 1

    def _stands_alone(self, at: int) -> bool:
        """Whether a line is a row by itself."""
        try:
            cells, end = self._dialect.cells(self._lines, at)
        except csv.Error:
            return False
        return end == at + 1 and len(cells) == len(self._names)

    def _open(self, at: int) -> SourceRecord:
        """A line with a quote that is not closed: read if its cells are plain all the same."""
        line = self._lines[at]
        cells = self._dialect.literal(line)
        is_even: bool = line.count(self._dialect.quote) % 2 == 0
        if is_even and self._names and len(cells) == len(self._names):
            return self._record(cells, at, at + 1)
        cells_of_quotes = self._dialect.loose(line) if is_even else []
        if self._names and len(cells_of_quotes) == len(self._names):
            return self._record(cells_of_quotes, at, at + 1)
        self._is_damaged = True
        why = "a quote is not closed"
        if not self._header:
            self._header = self._names = cells
            why = "a quote in the header is not closed"
        return self._reject(at, at + 1, why, hint=_HINT_QUOTE)

    def _record(self, cells: list[str], at: int, end: int) -> SourceRecord:
        values: dict[str, Any] = dict(zip(self._names, cells, strict=True))
        for place, name in enumerate(self._names, 1):
            if name == f"column {place}" and not values[name].strip():
                del values[name]
        return SourceRecord(at + 1, values, size=self._size(at, end), encoding=self._legacy)

    def _nothing(self, at: int, end: int) -> SourceRecord:
        return nothing(at + 1, self._size(at, end))

    def _reject(self, at: int, end: int, why: str, *, hint: str = "") -> SourceRecord:
        text = "".join(self._lines[at:end])
        return rejected(at + 1, why, text, size=self._size(at, end), hint=hint)

    def _size(self, at: int, end: int) -> int:
        """Bytes of lines."""
        return self._encoding.size_of("".join(self._lines[at:end]))
